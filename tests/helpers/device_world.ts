import assert from "node:assert/strict";
import { challengeText } from "../../lib/passkeys/challenge.ts";
import { type DeviceFacts, deviceStatement } from "../../lib/passkeys/statement.ts";
import { CLI_CLIENT } from "../../lib/oauth/device.ts";
import type { MemberRecord } from "../../lib/store/records/identity.ts";
import type { Countersign, Got } from "./countersign.ts";
import { OAuthWorld } from "./oauth_world.ts";
import type { Person } from "./people.ts";
import type { Lies } from "./software_authenticator.ts";
import { type Fetched, islandProps, WebPerson } from "./web_person.ts";

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** What a computer was told when it asked. */
export interface Asked {
  readonly device_code: string;
  readonly user_code: string;
}

/** What a page or person does otherwise than they should. */
interface Otherwise {
  readonly gives?: "agent" | "standard";
  /** Members of the statement that are signed otherwise than the page would. */
  readonly signs?: Partial<DeviceFacts>;
  readonly lies?: Lies;
}

/** A member of a deployment in a browser with their passkey, and a computer that asks to be let in. */
export class DeviceWorld implements AsyncDisposable {
  private constructor(readonly world: OAuthWorld, readonly owner: WebPerson) {}

  static async start(options: Parameters<typeof OAuthWorld.start>[0] = {}): Promise<DeviceWorld> {
    const world = await OAuthWorld.start(options);
    return new DeviceWorld(world, browserOf(world, world.ruled.owner, world.ruled.entered.secret));
  }

  get services() {
    return this.world.services;
  }
  get clock() {
    return this.world.clock;
  }

  /** Asks as a computer does, at this node or another; null leaves a parameter out. */
  async request(
    changes: Record<string, string | null> = {},
    node: Countersign = this.world.people.countersign,
  ): Promise<Got> {
    return await send(node, "/oauth/device_authorization", {
      client_id: CLI_CLIENT,
      device_name: "build-box",
      ...changes,
    });
  }

  async ask(changes: Record<string, string | null> = {}): Promise<Asked> {
    const got = await this.request(changes);
    assert.equal(got.status, 200, got.text);
    return got.body;
  }

  /** Asks for the secret. */
  async poll(
    { device_code }: Pick<Asked, "device_code">,
    changes: Record<string, string | null> = {},
    node: Countersign = this.world.people.countersign,
  ): Promise<Got> {
    return await send(node, "/oauth/token", {
      grant_type: GRANT,
      client_id: CLI_CLIENT,
      device_code,
      ...changes,
    });
  }

  /** Types a code: the page that comes of it. */
  look(user_code: string, who = this.owner): Promise<Fetched> {
    return who.send("/device", "look", { user_code });
  }

  /** Types the code, signs what the page shows, and sends it. */
  async allow(
    { user_code }: Asked,
    { gives = "agent", signs, lies }: Otherwise = {},
    who = this.owner,
  ): Promise<Fetched> {
    const page = await this.look(user_code, who);
    if (page.status !== 200) return page;
    const { facts } = islandProps(page.html, "device");
    const begun = await who.post("/device/statement", { user_code });
    if (begun.status !== 200) return begun;
    const { nonce, options } = begun.json;
    const statement = deviceStatement({
      ...facts,
      user_code: user_code.replaceAll("-", ""),
      gives,
      nonce,
      issuer: this.world.origin,
      ...signs,
    });
    const challenge = challengeText(statement);
    const response = await who.authenticator.assert({ ...options, challenge }, lies);
    return await who.post("/device/allow", { nonce, user_code, gives, response });
  }

  /** A whole login: what its computer got. */
  async login(otherwise: Otherwise = {}): Promise<Got["body"]> {
    const asked = await this.ask();
    const allowed = await this.allow(asked, otherwise);
    assert.equal(allowed.status, 200, allowed.text);
    const got = await this.poll(asked);
    assert.equal(got.status, 200, got.text);
    return got.body;
  }

  /** Somebody else of the organization, who came by an invitation. */
  async joined(role: MemberRecord["role"], email = `${role}@example.com`): Promise<WebPerson> {
    const { people, ruled } = this.world;
    const person = people.person(email);
    const { secret } = await person.accept(await people.invited(ruled.session, email, role));
    return browserOf(this.world, person, secret);
  }

  /** What a secret is good for: the status of a check. */
  async check(secret: string): Promise<number> {
    const body = { tool_name: "refund" };
    const { countersign } = this.world.people;
    return (await countersign.request("POST", "/v1/permissions/check", { key: secret, body }))
      .status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

function browserOf({ people }: OAuthWorld, { authenticator }: Person, secret: string): WebPerson {
  return WebPerson.with(people.countersign, secret, authenticator);
}

async function send(
  node: Countersign,
  path: string,
  fields: Record<string, string | null>,
): Promise<Got> {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== null) form.set(name, value);
  return await node.request("POST", path, {
    body: form.toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
}
