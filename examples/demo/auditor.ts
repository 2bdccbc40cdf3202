import type { RestClient } from "./rest_client.ts";
import type { Story } from "./story.ts";

const VERIFY = new URL("../../verify.ts", import.meta.url);

const DISABLED = '"permission":"disabled"';

/** What an auditor took away before, to hold the log against later. */
export interface Pinned {
  readonly keys: string;
  readonly checkpoint: string;
}

/** Somebody who trusts nobody: keeps files in a folder of their own and verifies them offline. */
export class Auditor {
  constructor(
    readonly story: Story,
    readonly countersign: RestClient,
    readonly folder: string,
  ) {}

  /** Fetches the log's public keys and its checkpoint of this moment. */
  async pin(): Promise<Pinned> {
    const checkpoint = await this.countersign.text("/v1/audit/checkpoint");
    // The origin, a checkpoint's first line, is <host>/log/<org>.
    const org = checkpoint.split("\n", 1)[0]?.split("/log/")[1];
    const keys = await this.countersign.text(`/.well-known/countersign/keys/${org}`);
    return {
      keys: await this.#write("keys.json", keys),
      checkpoint: await this.#write("earlier_checkpoint", checkpoint),
    };
  }

  /**
   * Exports the log, verifies it, and holds it against how many calls ran. @returns its lines
   * @param runs as those tell it who ran them
   */
  async exported(pinned: Pinned, runs: { readonly by: string; readonly count: number }) {
    const { story, countersign } = this;
    const note = await countersign.text("/v1/audit/checkpoint");
    const checkpoint = await this.#write("checkpoint", note);
    const log = await countersign.text("/v1/audit/export");
    const entries = log.trimEnd().split("\n");
    story.tell("auditor", `exports ${entries.length} entries and runs verify.ts without a network`);
    const sound = await this.#verify(await this.#write("log.ndjson", log), checkpoint, pinned);
    story.tell("verify", sound.text);
    story.check(sound.code === 0, "the log is whole, and since the earlier checkpoint only grew");
    const { by, count } = runs;
    const [consumed, logged] = ["token.consumed", "execution.logged"].map((type) =>
      entries.filter((line) => isOf(line, type)).length
    );
    story.check(
      consumed === count && logged === count,
      `${by} ran ${count} calls: the log has ${count} tokens consumed, ${count} executions`,
    );
    return { entries, checkpoint };
  }

  /**
   * Exports the log, verifies it, holds it against what is known from elsewhere, and verifies a
   * copy in which one word was changed.
   */
  async audit(pinned: Pinned, decisions: readonly string[], runs: number): Promise<void> {
    const { story } = this;
    const of = { by: "the file server", count: runs };
    const { entries, checkpoint } = await this.exported(pinned, of);
    const log = entries.join("\n");
    story.check(
      decisions.every((id) => log.includes(`"${id}"`)),
      `the ${decisions.length} decisions that the agent noted are in it`,
    );
    const refused =
      entries.find((line) => isOf(line, "permission.checked") && line.includes(DISABLED)) ?? "";
    const index = entries.indexOf(refused);
    story.tell("auditor", `makes entry ${index} say in a copy that the move was allowed`);
    const forged = entries.with(index, refused.replace(DISABLED, '"permission":"allowed"'));
    const copy = await this.#write("forged.ndjson", `${forged.join("\n")}\n`);
    const found = await this.#verify(copy, checkpoint, pinned);
    story.tell("verify", found.text);
    story.check(
      found.code === 1 && found.text.startsWith(`WRONG at entry ${index} `),
      "the forgery is found, and named",
    );
  }

  /** Runs verify.ts on files, with no permission but to read them. */
  async #verify(exported: string, checkpoint: string, pinned: Pinned) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        `--allow-read=${this.folder}`,
        VERIFY.href,
        exported,
        "--checkpoint",
        checkpoint,
        "--previous",
        pinned.checkpoint,
        "--keys",
        pinned.keys,
      ],
      cwd: this.folder,
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return { code, text: (text.decode(stdout) || text.decode(stderr)).trimEnd() };
  }

  async #write(name: string, text: string): Promise<string> {
    const path = `${this.folder}/${name}`;
    await Deno.writeTextFile(path, text);
    return path;
  }
}

function isOf(line: string, type: string): boolean {
  return line.includes(`"type":"${type}"`);
}
