import assert from "node:assert/strict";
import { SettingRefused, VARIABLES } from "../../lib/server/rights.ts";
import { movedApis, readSettings } from "../../lib/server/settings.ts";
import { PLATFORM_STORE } from "../../lib/store/store_faults.ts";

const read = (variables: Record<string, string>) => readSettings((name) => variables[name]);

function refusal(variables: Record<string, string>): SettingRefused {
  try {
    read(variables);
  } catch (error) {
    if (error instanceof SettingRefused) return error;
    throw error;
  }
  throw new Error(`Taken: ${JSON.stringify(variables)}`);
}

const SECRET = "0123456789abcdef".repeat(2);

Deno.test("readSettings() needs nothing on a laptop", () => {
  const settings = read({});
  assert.deepEqual(
    { ...settings, url: settings.url.href },
    {
      port: 8000,
      kv: "data/countersign.kv",
      url: "http://localhost:8000/",
      trusted_proxies: 0,
      drain_seconds: 0,
      private_hosts: new Set(),
      ws_origins: new Set(),
      channels: {
        slack: "https://slack.com/api",
        telegram: "https://api.telegram.org",
        pagerduty: null,
        slack_app: null,
      },
      secret: null,
      previous_secret: null,
      log: "failures",
      mcp_tasks: true,
      allowly: true,
      mail: null,
      bootstrap: { key: null, approver_key: null, owner: null },
    },
  );
});

Deno.test("readSettings() takes an empty variable for one that is not set", () => {
  const empty = Object.fromEntries(VARIABLES.map((name) => [name, ""]));
  assert.deepEqual(read(empty), read({}));
});

Deno.test("readSettings() reads everything that is set", () => {
  const settings = read({
    PORT: "9000",
    COUNTERSIGN_KV: "https://kv.example/connect",
    COUNTERSIGN_URL: "https://countersign.example",
    COUNTERSIGN_TRUSTED_PROXY: "1",
    COUNTERSIGN_SECRET: SECRET,
    COUNTERSIGN_SECRET_PREVIOUS: "fedcba9876".repeat(4),
    COUNTERSIGN_LOG: "access",
    COUNTERSIGN_MCP_TASKS: "off",
    COUNTERSIGN_ALLOWLY: "off",
    COUNTERSIGN_BOOTSTRAP_KEY: `cs_mgmt_${"0123456789".repeat(4)}`,
    COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: `cs_appr_${"0123456789".repeat(4)}`,
    COUNTERSIGN_BOOTSTRAP_OWNER: "Owner@Example.com",
    SMTP_URL: "smtps://me%40example.com:p%2Fw@mail.example",
    MAIL_FROM: "Countersign <mail@example.com>",
  });
  assert.equal(settings.port, 9000);
  assert.equal(settings.url.host, "countersign.example");
  assert.equal(settings.trusted_proxies, 1);
  assert.equal(settings.secret?.length, 32);
  assert.equal(settings.previous_secret?.length, 40);
  assert.equal(settings.log, "access");
  assert.equal(settings.mcp_tasks, false);
  assert.equal(settings.allowly, false);
  assert.equal(settings.bootstrap.owner, "owner@example.com");
  assert.deepEqual(settings.mail, {
    smtp: {
      host: "mail.example",
      port: 465,
      tls: true,
      credentials: { user: "me@example.com", password: "p/w" },
    },
    from: { name: "Countersign", address: "mail@example.com" },
  });
});

Deno.test("readSettings() takes no misspelled word for a switch that is on", () => {
  for (const variable of ["COUNTERSIGN_ALLOWLY", "COUNTERSIGN_MCP_TASKS"] as const) {
    const name = variable === "COUNTERSIGN_ALLOWLY" ? "allowly" : "mcp_tasks";
    for (const word of ["0", "False", "no", " off "]) {
      assert.equal(read({ [variable]: word })[name], false);
    }
    for (const word of ["1", "TRUE", "yes", "on"]) {
      assert.equal(read({ [variable]: word })[name], true);
    }
    const said = `${variable} is "of"; give on (also the default) or off.`;
    assert.equal(refusal({ [variable]: "of" }).message, said);
  }
});

Deno.test("readSettings() reads whose pages may open a socket, letter by letter as they are sent", () => {
  const origins = (text: string) => [...read({ COUNTERSIGN_WS_ORIGINS: text }).ws_origins];
  const extension = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
  assert.deepEqual(origins(`https://app.example, http://localhost:3000,${extension}`), [
    "https://app.example",
    "http://localhost:3000",
    extension,
  ]);
  for (
    const [text, names] of [
      ["*", /names "\*", which is no origin/],
      ["https://*.example", /no origin/],
      ["null", /no origin/],
      ["app.example", /no origin/],
      ["https://app.example/", /write https:\/\/app\.example\./],
      ["https://app.example:443", /write https:\/\/app\.example\./],
      ["HTTPS://App.example", /write https:\/\/app\.example\./],
      ["https://app.example/page?x#y", /write https:\/\/app\.example\./],
      ["https://app.example,,", /names "", which/],
      ["chrome-extension://ABC", /no origin/],
      ["https://user:secret@app.example", /an address with an @/],
    ] as const
  ) {
    assert.throws(
      () => origins(text),
      (error) =>
        error instanceof SettingRefused && error.message.startsWith("COUNTERSIGN_WS_ORIGINS") &&
        names.test(error.message) && !error.message.includes("secret"),
      text,
    );
  }
});

Deno.test("readSettings() reads which hosts may be private, and says which is none", () => {
  const hosts = (text: string) => [...read({ COUNTERSIGN_PRIVATE_HOSTS: text }).private_hosts];
  assert.deepEqual(hosts("hooks.corp.example"), ["hooks.corp.example"]);
  assert.deepEqual(hosts(" Grafana:3000 , 10.0.0.7:8080,[fd12::7]"), [
    "grafana:3000",
    "10.0.0.7:8080",
    "[fd12::7]",
  ]);
  for (
    const [text, named] of [
      ["http://grafana:3000", "http://grafana:3000"],
      ["grafana,,10.0.0.7", ""],
      ["grafana,*.corp.example", "*.corp.example"],
      ["10.0.0.0/8", "10.0.0.0/8"],
      ["grafana, 169.254.169.254", "169.254.169.254"],
    ] as const
  ) {
    const { variable, message } = refusal({ COUNTERSIGN_PRIVATE_HOSTS: text });
    assert.equal(variable, "COUNTERSIGN_PRIVATE_HOSTS");
    assert.ok(message.includes(`names ${JSON.stringify(named)}, which is`), message);
    assert.match(message, /Give hosts or host:port with commas between them/);
  }
  const { message } = refusal({ COUNTERSIGN_PRIVATE_HOSTS: "http://me:hunter2@grafana:3000" });
  assert.match(message, /names a host with an @, which is not host or host:port/);
  assert.doesNotMatch(message, /hunter2/);
});

Deno.test("readSettings() reads where the APIs of channels are, and takes no half of a Slack app", () => {
  const { channels, private_hosts } = read({
    COUNTERSIGN_SLACK_CLIENT_ID: "123.456",
    COUNTERSIGN_SLACK_CLIENT_SECRET: "hunter2",
    COUNTERSIGN_SLACK_API: "https://slack.corp.example/api/",
    COUNTERSIGN_TELEGRAM_API: "http://127.0.0.1:8081",
    COUNTERSIGN_PAGERDUTY_API: "https://pagerduty.corp.example:8443/v2",
    COUNTERSIGN_PRIVATE_HOSTS: "grafana:3000",
  });
  assert.deepEqual(channels, {
    slack: "https://slack.corp.example/api",
    telegram: "http://127.0.0.1:8081",
    pagerduty: "https://pagerduty.corp.example:8443/v2",
    slack_app: { id: "123.456", secret: "hunter2" },
  });
  assert.deepEqual(Object.keys(movedApis(channels)), ["slack", "telegram", "pagerduty"]);
  assert.deepEqual(movedApis(read({}).channels), {});
  // What the operator puts in the place of a public API may be private.
  assert.deepEqual([...private_hosts], [
    "grafana:3000",
    "127.0.0.1:8081",
    "pagerduty.corp.example:8443",
  ]);
  const half = refusal({ COUNTERSIGN_SLACK_CLIENT_SECRET: "hunter2" });
  assert.equal(half.variable, "COUNTERSIGN_SLACK_CLIENT_ID");
  assert.doesNotMatch(half.message, /hunter2/);
  for (
    const text of ["slack.com", "ftp://slack.com", "https://slack.com/?x", "https://slack.com/#x"]
  ) {
    assert.match(refusal({ COUNTERSIGN_SLACK_API: text }).message, /give where that API is/);
  }
  const { message } = refusal({ COUNTERSIGN_TELEGRAM_API: "https://me:hunter2@telegram.example" });
  assert.doesNotMatch(message, /hunter2/);
});

Deno.test("readSettings() takes a previous secret as it is, or a weak one could not be replaced", () => {
  const COUNTERSIGN_SECRET_PREVIOUS = "a".repeat(40);
  const settings = read({ COUNTERSIGN_SECRET: SECRET, COUNTERSIGN_SECRET_PREVIOUS });
  assert.equal(settings.previous_secret?.length, 40);
});

Deno.test("readSettings() takes the number of proxies, and the words of before for one", () => {
  const given = { "": 0, "0": 0, "1": 1, "2": 2, " 3 ": 3, true: 1, Yes: 1, on: 1 };
  for (const [text, proxies] of Object.entries(given)) {
    assert.equal(read({ COUNTERSIGN_TRUSTED_PROXY: text }).trusted_proxies, proxies, text);
  }
});

Deno.test("readSettings() refuses by the variable's name, and never repeats a secret", async (t) => {
  const cases: [string, Record<string, string>][] = [
    ["PORT", { PORT: "70000" }],
    ["PORT", { PORT: "-1" }],
    ["PORT", { PORT: "80.5" }],
    ["COUNTERSIGN_TRUSTED_PROXY", { COUNTERSIGN_TRUSTED_PROXY: "no" }],
    ["COUNTERSIGN_TRUSTED_PROXY", { COUNTERSIGN_TRUSTED_PROXY: "-1" }],
    ["COUNTERSIGN_TRUSTED_PROXY", { COUNTERSIGN_TRUSTED_PROXY: "10.0.0.1" }],
    ["COUNTERSIGN_URL", { COUNTERSIGN_URL: "countersign.example" }],
    ["COUNTERSIGN_URL", { COUNTERSIGN_URL: "https://countersign.example/path" }],
    ["COUNTERSIGN_URL", { COUNTERSIGN_URL: "https://user@countersign.example" }],
    ["COUNTERSIGN_URL", { COUNTERSIGN_URL: "http://countersign.example" }],
    ["COUNTERSIGN_URL", { COUNTERSIGN_URL: "ftp://localhost" }],
    ["COUNTERSIGN_SECRET", { COUNTERSIGN_URL: "https://countersign.example" }],
    ["COUNTERSIGN_SECRET", { COUNTERSIGN_KV: "https://kv.example/connect" }],
    ["COUNTERSIGN_SECRET", { COUNTERSIGN_SECRET: "hunter2hunter2" }],
    ["COUNTERSIGN_SECRET_PREVIOUS", { COUNTERSIGN_SECRET_PREVIOUS: "hunter2hunter2" }],
    ["COUNTERSIGN_SECRET", { COUNTERSIGN_SECRET: "hunter2".repeat(9) }],
    ["COUNTERSIGN_SECRET", { COUNTERSIGN_SECRET: "012345678".repeat(9) }],
    ["COUNTERSIGN_BOOTSTRAP_KEY", { COUNTERSIGN_BOOTSTRAP_KEY: `cs_mgmt_${"hunter2".repeat(9)}` }],
    ["COUNTERSIGN_BOOTSTRAP_APPROVER_KEY", {
      COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: `cs_appr_${"k".repeat(40)}`,
    }],
    ["COUNTERSIGN_LOG", { COUNTERSIGN_LOG: "everything" }],
    ["COUNTERSIGN_BOOTSTRAP_KEY", { COUNTERSIGN_BOOTSTRAP_KEY: `cs_appr_${"h".repeat(32)}` }],
    ["COUNTERSIGN_BOOTSTRAP_KEY", { COUNTERSIGN_BOOTSTRAP_KEY: "cs_mgmt_hunter2hunter2" }],
    ["COUNTERSIGN_BOOTSTRAP_KEY", { COUNTERSIGN_BOOTSTRAP_KEY: `cs_mgmt_${"hunter2 ".repeat(5)}` }],
    ["COUNTERSIGN_BOOTSTRAP_APPROVER_KEY", {
      COUNTERSIGN_BOOTSTRAP_APPROVER_KEY: `cs_mgmt_${"h".repeat(32)}`,
    }],
    ["COUNTERSIGN_BOOTSTRAP_OWNER", { COUNTERSIGN_BOOTSTRAP_OWNER: "nobody" }],
    ["SMTP_URL", { MAIL_FROM: "mail@example.com" }],
    ["SMTP_URL", { SMTP_URL: "mail.example", MAIL_FROM: "mail@example.com" }],
    ["SMTP_URL", { SMTP_URL: "https://mail.example", MAIL_FROM: "mail@example.com" }],
    ["SMTP_URL", { SMTP_URL: "smtp:mail.example", MAIL_FROM: "mail@example.com" }],
    ["SMTP_URL", { SMTP_URL: "smtp://me@mail.example", MAIL_FROM: "mail@example.com" }],
    ["SMTP_URL", { SMTP_URL: "smtp://me:hunter2/@mail.example", MAIL_FROM: "mail@example.com" }],
    ["SMTP_URL", { SMTP_URL: "smtp://me:hunter2%@mail.example", MAIL_FROM: "mail@example.com" }],
    ["SMTP_URL", {
      SMTP_URL: "smtp://me:hunter2@mail.example/?tls.rejectUnauthorized=false",
      MAIL_FROM: "mail@example.com",
    }],
    ["MAIL_FROM", { SMTP_URL: "smtp://me:hunter2@mail.example" }],
    ["MAIL_FROM", { SMTP_URL: "smtp://me:hunter2@mail.example", MAIL_FROM: "nobody" }],
    ["MAIL_FROM", {
      SMTP_URL: "smtp://me:hunter2@mail.example",
      MAIL_FROM: "Me\r\nBcc: x <mail@example.com>",
    }],
  ];
  for (const [variable, variables] of cases) {
    await t.step(JSON.stringify(variables), () => {
      const error = refusal(variables);
      assert.equal(error.variable, variable);
      assert.ok(error.message.startsWith(`${variable} `));
      assert.ok(!error.message.includes("hunter2"));
    });
  }
});

Deno.test("readSettings() takes a mail server with and without a port, a name, credentials", () => {
  const mail = (SMTP_URL: string, MAIL_FROM: string) => read({ SMTP_URL, MAIL_FROM }).mail;
  assert.deepEqual(mail("smtp://localhost:2525", "mail@example.com"), {
    smtp: { host: "localhost", port: 2525, tls: false, credentials: null },
    from: { name: "", address: "mail@example.com" },
  });
  assert.equal(mail("smtp://[::1]/", "mail@example.com")?.smtp.host, "::1");
  assert.equal(mail("smtp://mail.example", "mail@example.com")?.smtp.port, 587);
  const from = { name: "Sentry, the", address: "mail@example.com" };
  assert.deepEqual(mail("smtp://localhost", '"Sentry, the" <mail@example.com>')?.from, from);
});

Deno.test("readSettings() lets a store in memory go without a secret of its own", () => {
  assert.equal(read({ COUNTERSIGN_KV: ":memory:" }).secret, null);
});

Deno.test("readSettings() takes the platform's database on Deno Deploy, unless told otherwise", () => {
  const deployed = {
    DENO_DEPLOYMENT_ID: "d1",
    COUNTERSIGN_URL: "https://countersign.example",
    COUNTERSIGN_SECRET: SECRET,
  };
  assert.equal(read(deployed).kv, PLATFORM_STORE);
  assert.equal(read({ ...deployed, COUNTERSIGN_KV: ":memory:" }).kv, ":memory:");
  assert.throws(
    () => read({ ...deployed, COUNTERSIGN_SECRET: "" }),
    /COUNTERSIGN_SECRET is required/,
  );
  assert.throws(
    () => read({ ...deployed, COUNTERSIGN_URL: "" }),
    /COUNTERSIGN_URL is required on Deno Deploy/,
  );
});
