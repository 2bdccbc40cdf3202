import assert from "node:assert/strict";
/// <reference lib="dom" />
import axe from "axe-core";
import {
  type Browser,
  type BrowserContext,
  type CDPSession,
  chromium,
  type Page,
} from "playwright-core";

const CHROMIUM = Deno.env.get("CHROMIUM_PATH") ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  // A container has no user namespaces for the sandbox; the pages are this project's own.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** A condition that does not come true within this fails the test; nothing waits for it to pass. */
const PATIENCE_MS = 10_000;

const AUTHENTICATOR = {
  protocol: "ctap2",
  transport: "internal",
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
} as const;

/** A passkey of a virtual authenticator, with its private key. */
export interface Credential {
  readonly credentialId: string;
  readonly isResidentCredential: boolean;
  readonly rpId?: string;
  readonly privateKey: string;
  readonly userHandle?: string;
  readonly signCount: number;
}

export interface TabOptions {
  /** Of the server whose pages it shows, such as `http://localhost:4000`. */
  readonly origin: string;
  /** Of the window: 390 is a phone, 1280 a desk. */
  readonly width?: 390 | 1280;
  readonly scheme?: "light" | "dark";
  /** Where its clock stands, such as `America/New_York`; UTC when absent. */
  readonly timezone?: string;
  /** False for who has switched script off. */
  readonly script?: boolean;
  /** Whether the device makes and holds passkeys; the person at it is always verified at first. */
  readonly passkeys?: boolean;
  /** Whether service workers may be registered: they outlive a page, and would answer for it. */
  readonly serviceWorker?: boolean;
}

/** A headless Chromium. It and all its tabs end with it. */
export class TestBrowser implements AsyncDisposable {
  readonly #tabs: Tab[] = [];

  private constructor(readonly browser: Browser) {}

  /** @throws when no Chromium is installed */
  static async start(): Promise<TestBrowser> {
    const found = await Deno.stat(CHROMIUM).catch(() => null);
    if (found === null) {
      throw new Error(
        `No Chromium at ${CHROMIUM}. Install it (Debian: apt-get install chromium), or name ` +
          "another by CHROMIUM_PATH=/path/to/chromium.",
      );
    }
    return new TestBrowser(await chromium.launch({ executablePath: CHROMIUM, args: FLAGS }));
  }

  /** Somebody at a device of their own: no cookie is shared with another tab. */
  async open(options: TabOptions): Promise<Tab> {
    const context = await this.browser.newContext({
      baseURL: options.origin,
      viewport: options.width === 390 ? { width: 390, height: 844 } : { width: 1280, height: 800 },
      colorScheme: options.scheme ?? "light",
      timezoneId: options.timezone ?? "UTC",
      javaScriptEnabled: options.script ?? true,
      reducedMotion: "reduce",
      serviceWorkers: options.serviceWorker ? "allow" : "block",
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const tab = new Tab(context, page, await context.newCDPSession(page));
    this.#tabs.push(tab);
    await tab.watch();
    if (options.passkeys) await tab.addAuthenticator();
    return tab;
  }

  /** @throws when a page complained of what no test expected */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const tab of this.#tabs) await tab.close();
    } finally {
      await this.browser.close();
    }
  }
}

/** One page in a browser, whose complaints fail the test. */
export class Tab implements AsyncDisposable {
  /** What pages complained of: errors of scripts, failed requests, violations of the CSP. */
  readonly complaints: string[] = [];
  /** Complaints that the test provokes on purpose. */
  readonly expected: RegExp[] = [];
  #authenticator: string | null = null;
  #closed = false;

  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly devtools: CDPSession,
  ) {}

  /** Begins to collect complaints. */
  async watch(): Promise<void> {
    this.page.on("console", (message) => {
      if (message.type() !== "error") return;
      this.complaints.push(`${message.text()} (${message.location().url})`);
    });
    this.page.on("pageerror", (error) => this.complaints.push(String(error)));
    await this.page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`The CSP was violated: ${event.violatedDirective} by ${event.blockedURI}`);
      });
    });
  }

  /** Opens a page of the server and waits until its islands are alive. */
  async goto(path: string): Promise<void> {
    await this.page.goto(path);
    await this.hydrated();
  }

  /** Resolves when every island of the page is alive. */
  async hydrated(): Promise<void> {
    await this.page.locator("x-island:not([data-hydrated])").first().waitFor({ state: "detached" });
  }

  /** What axe-core finds wrong for people with disabilities: one line an element. */
  async axe(): Promise<string[]> {
    // Over the debugger, which the page's policy does not bind.
    await this.devtools.send("Runtime.evaluate", { expression: axe.source });
    const { result, exceptionDetails } = await this.devtools.send("Runtime.evaluate", {
      expression: "axe.run(document, { resultTypes: ['violations'] })" +
        ".then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map((node) =>" +
        " `${id} at ${node.target.join(' ')}: ${node.failureSummary}`)))",
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(`axe-core failed: ${exceptionDetails.exception?.description}`);
    }
    return result.value;
  }

  /** Has text in another size, as somebody sets it for their browser: 1 is usual. */
  async setTextSize(factor: number): Promise<void> {
    const fontSizes = { standard: 16 * factor, fixed: 13 * factor };
    await this.devtools.send("Page.setFontSizes", { fontSizes });
  }

  /** Whether the page is wider than its window. */
  async scrollsSideways(): Promise<boolean> {
    return await this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth > clientWidth;
    });
  }

  /**
   * Asserts that people with disabilities find nothing wrong, what is folded away included, that the
   * page is no wider than its window, and that nothing that was typed ran as script.
   */
  async assertSound(what: string): Promise<void> {
    for (const folded of await this.page.locator("main details").all()) {
      await folded.evaluate((element) => (element as HTMLDetailsElement).open = true);
    }
    assert.deepEqual(await this.axe(), [], what);
    assert.equal(await this.scrollsSideways(), false, what);
    assert.equal(await this.page.evaluate(() => "ran" in globalThis), false, what);
  }

  /** Gives the device an authenticator without passkeys. */
  async addAuthenticator(): Promise<void> {
    await this.devtools.send("WebAuthn.enable");
    const { authenticatorId } = await this.devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: AUTHENTICATOR,
    });
    this.#authenticator = authenticatorId;
  }

  /** Takes the authenticator away with its passkeys. */
  async removeAuthenticator(): Promise<void> {
    const authenticatorId = this.#present();
    await this.devtools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
    this.#authenticator = null;
  }

  /** Whether the next ceremonies find the person verified, by a PIN or a finger. */
  async setUserVerified(isUserVerified: boolean): Promise<void> {
    const authenticatorId = this.#present();
    await this.devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
  }

  /** The passkeys of this device, private keys included. */
  async credentials(): Promise<Credential[]> {
    const authenticatorId = this.#present();
    const got = await this.devtools.send("WebAuthn.getCredentials", { authenticatorId });
    return got.credentials;
  }

  /** Puts a passkey on this device, as a synced or a stolen one would come. */
  async addCredential(credential: Credential): Promise<void> {
    const authenticatorId = this.#present();
    await this.devtools.send("WebAuthn.addCredential", { authenticatorId, credential });
  }

  /** Closes the page. @throws when it complained of what no test expected */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.context.close();
    const unexpected = this.complaints.filter((one) => !this.expected.some((e) => e.test(one)));
    if (unexpected.length > 0) throw new Error(`The page complained:\n${unexpected.join("\n")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #present(): string {
    if (this.#authenticator === null) {
      throw new Error("This device has no authenticator: open it with { passkeys: true }.");
    }
    return this.#authenticator;
  }
}
