import assert from "node:assert/strict";
import { type Tab, TestBrowser } from "../helpers/browser.ts";
import { approveButton, readToTheEnd, statusOf } from "./browser_member.ts";
import { projectText } from "../helpers/project_files.ts";
import { freePort, StartedProcess } from "../helpers/started_process.ts";

const MOST_STEPS = 8;

/** A person at a terminal and a browser, and everything that they had to do. */
class Human {
  readonly steps: string[] = [];

  /** A command, a click, or a form with what is typed and ticked in it and the button that sends it. */
  async step<T>(kind: "command" | "click" | "form", what: string, act: () => Promise<T>) {
    this.steps.push(`${kind}: ${what}`);
    return await act();
  }

  /** Counts every gesture that the device asks of them, whoever began the ceremony. */
  watchDevice({ devtools }: Tab): void {
    devtools.on("WebAuthn.credentialAdded", () => this.steps.push("gesture: a new passkey"));
    devtools.on("WebAuthn.credentialAsserted", () => this.steps.push("gesture: the passkey"));
  }
}

Deno.test("from the clone to the first approved action it takes a person at most 8 steps", async () => {
  const readme = await projectText("README.md");
  assert.match(
    readme,
    /^npx -y deno@[\d.]+ task -q start /m,
    "the README begins with this command",
  );
  const folder = await Deno.makeTempDir();
  try {
    const human = new Human();
    const port = freePort();
    const origin = `http://localhost:${port}`;
    await using server = await human.step(
      "command",
      "npx -y deno task -q start",
      () => StartedProcess.launched(folder, { PORT: String(port) }),
    );
    const link = await server.found("/set-up/", /(http:\/\/localhost:\d+\/set-up\/\S+)/);
    await server.seen("Countersign listens");

    await using browser = await TestBrowser.start();
    const tab = await browser.open({ origin, passkeys: true });
    const { page } = tab;
    human.watchDevice(tab);
    await human.step("click", "the link in the terminal", () => tab.goto(new URL(link).pathname));
    await human.step("form", "organization and address", async () => {
      await page.getByLabel("Organization").fill("Acme");
      await page.getByLabel("Your e-mail address").fill("olivia@example.com");
      await page.getByRole("button", { name: "Send me the code" }).click();
    });
    const code = await server.found("Your code is", /Your code is (\d{6})/);
    await human.step("form", "the code that the terminal shows", async () => {
      await page.getByLabel("Six-digit code").fill(code);
      await page.getByRole("button", { name: "Go on" }).click();
    });
    await page.getByRole("heading", { name: "Store your recovery codes" }).waitFor();
    await human.step("form", "the recovery codes are stored: send a request", async () => {
      await page.getByLabel("I have stored them").check();
      await page.getByRole("button", { name: "Send yourself a request" }).click();
    });
    await page.waitForURL("**/approvals/apr_*");
    await tab.hydrated();
    await readToTheEnd(tab);
    await human.step("click", "Approve", () => approveButton(tab).click());
    await statusOf(tab, "Approved");

    assert.deepEqual(human.steps, [
      "command: npx -y deno task -q start",
      "click: the link in the terminal",
      "form: organization and address",
      "form: the code that the terminal shows",
      "gesture: a new passkey",
      "form: the recovery codes are stored: send a request",
      "click: Approve",
      "gesture: the passkey",
    ]);
    assert.ok(human.steps.length <= MOST_STEPS);

    // And one more runs it.
    await tab.hydrated();
    await page.getByRole("button", { name: "Run it" }).click();
    await page.getByText("The sample ran").waitFor();
    await page.getByText("The receipt", { exact: true }).waitFor();
    await tab.close();
    server.signal("SIGTERM");
    const { code: status, output } = await server.ended();
    assert.equal(status, 0, output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
