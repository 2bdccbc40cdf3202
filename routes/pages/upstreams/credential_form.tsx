import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { CheckboxGroup, type Choice } from "../../../components/choices.tsx";
import { TextAreaField, TextField, type TextFieldProps } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { Disclosure } from "../../../components/layout.tsx";
import { MachineName } from "../../../components/untrusted.tsx";
import type { Snapshot } from "../../../lib/policy/snapshot.ts";
import { Refusal } from "../../../lib/refusal.ts";
import { VAULT_KINDS, type VaultRecord } from "../../../lib/store/records/vault.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import { lines, several, text, verbatim } from "../../dashboard/form.ts";
import { newCredential } from "../../fields/credential.ts";

/** The forms about a credential. What is secret is in none of them when it is shown again. */

type Kind = VaultRecord["kind"];

const given = text(z.string().max(8192)).transform((value) => value === "" ? undefined : value);

/** A secret as it is typed: no space around it is a part of one. */
export const secretField = verbatim(z.string().max(8192, "has at most 8,192 characters"))
  .transform((value) => value.trim());

export const usedByField = several(z.string().max(64));

const typed = z.strictObject({
  kind: text(z.enum(VAULT_KINDS, "must be one of the kinds")),
  name: text(z.string()),
  origins: lines(z.string()),
  secret: secretField,
  field: given,
  issuer: given,
  client_id: given,
  client_secret: secretField,
  scope: given,
  resource: given,
  used_by: usedByField,
});

/** A credential as its form sends it: held to what the API holds one to. */
export const credentialForm = typed.transform((fields, context) => {
  const { kind, name, origins, secret, field, used_by, issuer, client_secret, ...oauth } = fields;
  const parsed = newCredential.safeParse({
    kind,
    name,
    origins,
    ...(kind === "header" ? { header: field?.toLowerCase() ?? "" } : {}),
    ...(kind === "query" ? { parameter: field ?? "" } : {}),
    ...(kind === "oauth2"
      ? {
        oauth: Object.fromEntries(
          Object.entries({ issuer: issuer ?? "", ...oauth, client_secret })
            .filter(([key, value]) => key === "issuer" || (value !== undefined && value !== "")),
        ),
      }
      : { secret }),
  });
  if (parsed.success) return { credential: parsed.data, used_by };
  for (const { path, message } of parsed.error.issues) {
    context.addIssue({ code: "custom", path: [fieldOf(path.map(String))], message });
  }
  return z.NEVER;
});

/** The field of the form that a path of the API is typed in. */
function fieldOf([first = "", second]: readonly string[]): string {
  if (first === "oauth") return second ?? "issuer";
  return first === "header" || first === "parameter" ? "field" : first;
}

/** Does something, and says what is wrong about it at the fields of the form. */
export async function atFields<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "invalid_request") throw error;
    const { errors } = error.data as { errors: readonly { path: string; message: string }[] };
    throw new Refusal("invalid_request", {
      errors: errors.map(({ path, message }) => ({
        path: `/${fieldOf(path.split("/").slice(1))}`,
        message,
      })),
    });
  }
}

const SECRETS: Readonly<
  Record<Exclude<Kind, "oauth2">, { readonly label: string; readonly hint: string }>
> = {
  bearer: { label: "Token", hint: "Without the word Bearer." },
  header: { label: "Value", hint: "All of it, with a word before the key where there is one." },
  basic: { label: "User and password", hint: "As user:password." },
  query: { label: "Value", hint: "As it is, without any encoding." },
};

const KEPT = " It is kept sealed, and shown nowhere again.";

/** The field of a secret that nobody issues. */
export function SecretField({ form, kind }: {
  readonly form: AttemptedForm;
  readonly kind: Exclude<Kind, "oauth2">;
}) {
  const { label, hint } = SECRETS[kind];
  return (
    <Hidden name="secret" label={label} hint={hint + KEPT} error={form.error("secret")} required />
  );
}

function Hidden(props: TextFieldProps) {
  return (
    <TextField
      {...props}
      type="password"
      maxLength={8192}
      autoComplete="off"
      spellcheck={false}
      mono
    />
  );
}

/** The form that puts a credential in. */
export function NewCredentialForm({ form, kind, users }: {
  readonly form: AttemptedForm;
  readonly kind: Kind;
  /** For whom a member's own can act; null for one of the organization. */
  readonly users: readonly Choice[] | null;
}) {
  const line = (name: string) => ({
    name,
    value: form.value(name),
    error: form.error(name),
    maxLength: 2048,
    autoComplete: "off",
    spellcheck: false,
    mono: true,
  });
  return (
    <Form do="create" layout="stack" hidden={{ kind }}>
      <FieldErrors errors={form.errors} />
      <TextField
        name="name"
        label="Name"
        hint="What people call it, and what approvers read."
        value={form.value("name")}
        error={form.error("name")}
        maxLength={100}
        autoComplete="off"
        required
      />
      <TextAreaField
        name="origins"
        label="Goes to"
        hint="Origins, one a line, such as https://mcp.example.com. It goes nowhere else, and they can't be changed."
        value={form.value("origins")}
        error={form.error("origins")}
        rows={2}
        spellcheck={false}
        mono
        required
      />
      {(kind === "header" || kind === "query") && (
        <TextField
          {...line("field")}
          label={kind === "header" ? "Header" : "Parameter"}
          hint={kind === "header" ? "Its name, such as x-api-key." : "Its name, such as api_key."}
          required
        />
      )}
      {kind === "oauth2"
        ? (
          <>
            <TextField
              {...line("issuer")}
              label="Provider"
              hint="Its issuer, as its metadata name it, such as https://id.example.com."
              type="url"
              required
            />
            <TextField
              {...line("scope")}
              label="Scopes"
              hint="What is asked for, with spaces between."
              optional
            />
            <Disclosure
              summary="Registered at the provider already"
              open={["client_id", "resource"].some((name) => form.value(name) !== "")}
            >
              <div class="stack">
                <TextField
                  {...line("client_id")}
                  label="Client ID"
                  hint="Empty: Countersign makes itself known to the provider."
                  optional
                />
                <Hidden
                  name="client_secret"
                  label="Client secret"
                  hint={`Where the client has one.${KEPT}`}
                  error={form.error("client_secret")}
                  optional
                />
                <TextField
                  {...line("resource")}
                  label="Resource"
                  hint="What tokens are for. Empty: what the server names, or its origin."
                  optional
                />
              </div>
            </Disclosure>
          </>
        )
        : <SecretField form={form} kind={kind} />}
      {users !== null && <UsedByField form={form} users={users} named={[]} />}
      <p class="quiet small">
        {kind === "oauth2"
          ? "Putting it in asks for your passkey; then it is connected at its provider."
          : "Putting it in asks for your passkey."}
        {users !== null &&
          " A server is also asked for its tools with it, where nothing else is named."}
      </p>
      <FormActions>
        <Button variant="primary">Put in</Button>
      </FormActions>
    </Form>
  );
}

/** For whom a member's own credential acts. */
export function UsedByField({ form, users, named }: {
  readonly form: AttemptedForm;
  readonly users: readonly Choice[];
  readonly named: readonly string[];
}) {
  if (users.length === 0) {
    return (
      <p class="quiet">
        It acts for the programs that you connect. There are no agents or standard keys to name.
      </p>
    );
  }
  return (
    <CheckboxGroup
      name="used_by"
      label="Acts also for"
      hint="Besides the programs that you connect. Whoever holds the token of one that you tick acts by
        your account there."
      error={form.error("used_by")}
      values={form.values("used_by", named)}
      options={users}
    />
  );
}

/** How many agents and keys can be ticked. */
const MOST_CHOICES = 200;

/** The agents and standard keys of an org, those that are named first. */
export function possibleUsers(
  { agents, apiKeys }: Pick<Snapshot, "agents" | "apiKeys">,
  named: readonly string[] = [],
): Choice[] {
  const all = [
    ...[...agents.values()].map(({ id, name }) => ({ type: "agent" as const, id, name })),
    ...[...apiKeys.values()].filter(({ tier }) => tier === "standard")
      .map(({ id, name }) => ({ type: "api_key" as const, id, name })),
  ];
  const rank = ({ id }: { readonly id: string }) => named.includes(id) ? 0 : 1;
  return all.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1)).slice(0, MOST_CHOICES)
    .map((machine) => ({ value: machine.id, label: <MachineName {...machine} /> }));
}
