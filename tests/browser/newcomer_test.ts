import assert from "node:assert/strict";
import { packTypeScript } from "../../tools/release.ts";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { projectText } from "../helpers/project_files.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";
import { approveButton, readToTheEnd } from "./browser_member.ts";

/**
 * The path of somebody who has never seen this: from nothing to a call of their agent that waited for
 * them, ran, and has a receipt that they verified. A step is what they set out to do: one command that
 * they type, or one errand in the browser, from the page that they are led to until it is done. What
 * they do within the errands (fields, buttons, gestures of the device) is counted besides.
 */
const MOST_STEPS = 8;

const MOST_GESTURES = 9;

class Newcomer {
  readonly steps: string[] = [];
  gestures = 0;

  constructor(readonly home: string, readonly env: Readonly<Record<string, string>>) {}

  get project(): string {
    return `${this.home}/project`;
  }

  /** Types a command in a terminal of their project. */
  command(words: string): StartedProcess {
    this.steps.push(words.replace(/^npx --offline /, "npx "));
    return StartedProcess.inTerminal(this.project, words, this.env);
  }

  async errand(what: string, act: () => Promise<void>): Promise<void> {
    this.steps.push(what);
    await act();
  }

  /** Counts what the device asks of them, whoever began the ceremony. */
  watchDevice({ devtools }: Tab): void {
    devtools.on("WebAuthn.credentialAdded", () => this.gestures++);
    devtools.on("WebAuthn.credentialAsserted", () => this.gestures++);
  }

  /** A button that they press. */
  async press({ page }: Tab, name: string): Promise<void> {
    this.gestures++;
    await page.getByRole("button", { name }).click();
  }
}

/** The commands of the document's own list, in order. */
async function printedCommands(): Promise<string[]> {
  const page = await projectText("docs/clients.md");
  const [, list = ""] = /## From nothing to a receipt\n[^]*?```sh\n([^]*?)```/.exec(page) ?? [];
  return list.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

Deno.test("from nothing to a verified receipt it takes a newcomer at most 8 steps", async () => {
  const home = await Deno.realPath(await Deno.makeTempDir());
  try {
    const port = freePort();
    const origin = `http://localhost:${port}`;
    const env = {
      HOME: home,
      PATH: Deno.env.get("PATH") ?? "",
      COUNTERSIGN_SECRETS: "file",
      npm_config_cache: Deno.env.get("npm_config_cache") ?? `${Deno.env.get("HOME")}/.npm`,
    };
    const newcomer = new Newcomer(home, env);
    const { project } = newcomer;
    await Deno.mkdir(`${project}/.claude`, { recursive: true });
    await Deno.mkdir(`${home}/server`);
    // What the registry will have one day is packed here, and installed as from there.
    const tarball = await packTypeScript(home);
    const installed = new Deno.Command("npm", {
      args: ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball],
      cwd: project,
      env,
    });
    assert.equal((await installed.output()).code, 0);

    const [start = "", login = "", init = "", receipt = ""] = await printedCommands();
    assert.match(start, /^npx -y deno@[\d.]+ task -q start$/);
    assert.ok((await projectText("README.md")).includes(`${start} `), "the README has it as well");
    newcomer.steps.push(start);
    await using server = await StartedProcess.launched(`${home}/server`, { PORT: String(port) });
    const link = await server.found("/set-up/", /(http:\/\/localhost:\d+\/set-up\/\S+)/);
    await server.seen("Countersign listens");

    await using browser = await TestBrowser.start();
    const tab = await browser.open({ origin, passkeys: true });
    const { page } = tab;
    newcomer.watchDevice(tab);
    await newcomer.errand("browser: set it up", async () => {
      await tab.goto(new URL(link).pathname);
      await page.getByLabel("Organization").fill("Acme");
      await page.getByLabel("Your e-mail address").fill("olivia@example.com");
      await newcomer.press(tab, "Send me the code");
      const code = await server.found("Your code is", /Your code is (\d{6})/);
      await page.getByLabel("Six-digit code").fill(code);
      await newcomer.press(tab, "Go on");
      await page.getByRole("heading", { name: "Store your recovery codes" }).waitFor();
      await page.getByLabel("I have stored them").check();
      await newcomer.press(tab, "Go on");
      await page.waitForURL("**/quickstart");
    });

    const here = (words: string) =>
      words.replace("http://localhost:8000", origin).replace(/^npx /, "npx --offline ");
    await using loggingIn = newcomer.command(here(login));
    const user_code = await loggingIn.found("Your code is", /([A-Z]{4}-[A-Z]{4})/);
    const device = await loggingIn.found("/device", /(http:\S+\/device)/);
    await newcomer.errand("browser: let the computer in", async () => {
      await tab.goto(new URL(device).pathname);
      await page.getByLabel("Code").fill(user_code);
      await newcomer.press(tab, "Show who asks");
      await tab.hydrated();
      await newcomer.press(tab, "Let it in with your passkey");
      await page.getByText("comes for its secret within seconds").waitFor();
    });
    const loggedIn = await loggingIn.ended();
    assert.equal(loggedIn.code, 0, loggedIn.output);
    assert.match(loggedIn.output, /organization +Acme/);

    await using initiating = newcomer.command(here(init));
    const initiated = await initiating.ended();
    assert.equal(initiated.code, 0, initiated.output);
    const settings = JSON.parse(await Deno.readTextFile(`${project}/.claude/settings.json`));
    const [{ hooks: [{ command }] }] = settings.hooks.PreToolUse;

    // The agent wants to run something: its host asks by the hook, and runs it for a yes alone.
    newcomer.steps.push("claude: write the date into a file");
    const call = {
      session_id: "s",
      cwd: project,
      hook_event_name: "PreToolUse",
      tool_name: "Bash",
      tool_input: { command: "date > date.txt", description: "Write the date" },
    };
    await Deno.writeTextFile(`${home}/call.json`, JSON.stringify(call));
    await using hook = StartedProcess.inTerminal(
      project,
      `(${command.replace(/^npx /, "npx --offline ")}) < ${home}/call.json`,
      env,
    );
    const review = await hook.found("waits for a person", /(http:\S+\/approvals\/apr_\S+)/);
    await assert.rejects(Deno.stat(`${project}/date.txt`), "nothing ran while it is held");
    await newcomer.errand("browser: approve it", async () => {
      await tab.goto(new URL(review).pathname);
      await page.getByText("date > date.txt").first().waitFor();
      await readToTheEnd(tab);
      newcomer.gestures++;
      await approveButton(tab).click();
      // By then the agent may have used it already.
      await page.waitForURL("**/approvals/*?decided=1");
    });
    const { code, output } = await hook.ended();
    assert.equal(code, 0, output);
    assert.match(output, /"permissionDecision":"allow"/);
    await new Deno.Command("sh", { args: ["-c", call.tool_input.command], cwd: project }).output();
    assert.ok((await Deno.stat(`${project}/date.txt`)).size > 0, "it ran");

    const id = review.split("/").at(-1) ?? "";
    await using proving = newcomer.command(here(receipt).replace("ID", id));
    const proven = await proving.ended();
    assert.equal(proven.code, 0, proven.output);
    assert.match(proven.output, /genuine/);

    assert.deepEqual(newcomer.steps, [
      "npx -y deno@2.9.6 task -q start",
      "browser: set it up",
      `npx countersign login --url ${origin}`,
      "browser: let the computer in",
      "npx countersign init --hook --yes",
      "claude: write the date into a file",
      "browser: approve it",
      `npx countersign receipts get ${id} --out receipt.json`,
    ]);
    assert.ok(newcomer.steps.length <= MOST_STEPS);
    assert.ok(newcomer.gestures <= MOST_GESTURES, `${newcomer.gestures} gestures`);

    // What was kept is verified later, by nobody's word.
    await tab.close();
    server.signal("SIGTERM");
    assert.equal((await server.ended()).code, 0);
    await using offline = StartedProcess.inTerminal(
      project,
      "npx --offline countersign verify receipt.json",
      env,
    );
    const verified = await offline.ended();
    assert.equal(verified.code, 0, verified.output);
    assert.match(verified.output, /approval\.decided/);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
