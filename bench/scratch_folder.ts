/** Runs something with a folder for its stores, on the disk that the service's own store is on. */
export async function withScratchFolder(run: (folder: string) => Promise<void>): Promise<void> {
  await Deno.mkdir("data", { recursive: true, mode: 0o700 });
  const folder = await Deno.makeTempDir({ dir: "data", prefix: "bench-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
