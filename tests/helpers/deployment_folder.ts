/** A folder of its own for what a command of the deployment reads and writes; it goes with the test. */
export class DeploymentFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** @param data whether the folder of the data is there, as after a first start */
  static async make({ data = false } = {}): Promise<DeploymentFolder> {
    const path = await Deno.realPath(await Deno.makeTempDir());
    if (data) await Deno.mkdir(`${path}/data`);
    return new DeploymentFolder(path);
  }

  /** Where the commands look for the store. */
  get store(): string {
    return `${this.path}/data/countersign.kv`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
