/**
 * A host that runs its tools itself, and asks a command before: it does with what the command ends
 * with as Claude Code and Codex say that they do, and as their programs were seen to do
 * (`tests/frameworks`), and runs the tool only where they would.
 */

export interface HookSetting {
  readonly command: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly onFailure?: "block" | "continue";
}

export interface Heard {
  readonly ran: boolean;
  /** What its model is told. */
  readonly told: string;
}

interface Ended {
  /** Null where the time was over, or the command could not be started. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

type Decision =
  | { readonly runs: true; readonly args?: unknown }
  | { readonly runs: false; readonly why: string };

export class StandInHost {
  constructor(
    readonly kind: "claude" | "codex",
    readonly hook: HookSetting,
    readonly where: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
    /** Calls once its limit has passed, unless it is taken back. */
    readonly after = (milliseconds: number, then: () => void): () => void => {
      const timer = setTimeout(then, milliseconds);
      return () => clearTimeout(timer);
    },
  ) {}

  /** Makes a call, as its model wants it; `run` is the tool. */
  async call(tool_name: string, tool_input: unknown, run: () => string): Promise<Heard> {
    const { cwd } = this.where;
    const event = { hook_event_name: "PreToolUse", session_id: "s-1", cwd, tool_name, tool_input };
    const decision = this.#decide(await this.#ended(JSON.stringify(event)));
    return decision.runs ? { ran: true, told: run() } : { ran: false, told: decision.why };
  }

  /** A failure is a yes, unless the settings of Claude Code say otherwise. */
  #failed(why: string): Decision {
    const blocks = this.kind === "claude" && this.hook.onFailure === "block";
    return blocks ? { runs: false, why } : { runs: true };
  }

  #decide({ code, out, err }: Ended): Decision {
    if (code === 2) {
      if (this.kind === "claude" || err.trim() !== "") return { runs: false, why: err };
      return this.#failed("It ended with 2 and no word");
    }
    if (code !== 0) return this.#failed(`It ended with ${code}`);
    let answer: { readonly hookSpecificOutput?: Readonly<Record<string, unknown>> } | null;
    try {
      answer = JSON.parse(out);
    } catch {
      // Taken for words of the command, not for an answer.
      return { runs: true };
    }
    const { permissionDecision, permissionDecisionReason } = answer?.hookSpecificOutput ?? {};
    switch (permissionDecision) {
      case undefined:
      case "allow":
        return { runs: true };
      case "deny":
        return { runs: false, why: String(permissionDecisionReason) };
      case "ask":
      case "defer":
        // Nobody sits there who could be asked.
        return this.kind === "claude"
          ? { runs: false, why: String(permissionDecisionReason) }
          : this.#failed("It cannot ask");
      default:
        return this.#failed("It answers what there is not");
    }
  }

  async #ended(input: string): Promise<Ended> {
    const { command, timeout = 600 } = this.hook;
    const child = new Deno.Command("sh", {
      args: ["-c", command],
      ...this.where,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    // A command that does not read what it is told is none of ours, and no fault of the host.
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
    const read = (stream: ReadableStream<Uint8Array>) => new Response(stream).text();
    let late = false;
    const cancel = this.after(timeout * 1000, () => {
      late = true;
      child.kill("SIGKILL");
    });
    const { code, signal } = await child.status;
    cancel();
    // What it started may go on, and hold its output open: nobody listens to that.
    if (late) {
      await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
      return { code: null, out: "", err: "" };
    }
    const [out, err] = await Promise.all([read(child.stdout), read(child.stderr)]);
    return { code: signal === null ? code : null, out, err };
  }
}
