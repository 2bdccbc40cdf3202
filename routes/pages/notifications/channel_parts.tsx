import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { CheckboxGroup, RadioGroup } from "../../../components/choices.tsx";
import { SelectField, TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { ASKED, type ChannelField } from "../../../lib/channels/given.ts";
import { providerOf } from "../../../lib/channels/kinds.ts";
import type { ChannelKind, ChannelRecord } from "../../../lib/store/records/channel.ts";
import { SCOPES } from "../../../lib/store/records/endpoint.ts";
import { APPROVAL_EVENTS } from "../../../lib/store/records/event.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import { several, text, verbatim } from "../../dashboard/form.ts";
import { EVENT_WORDS } from "./event_words.tsx";

/** What the pages of channels have in common: what a kind is and asks for, in words, and the form. */

/** What is to be known of a kind before one is added. */
interface KindWords {
  /** Where its secret comes from. */
  readonly secret: { readonly label: string; readonly hint: string };
  /** What to do when the provider says that it is gone. */
  readonly gone: string;
}

const ADDRESS_GONE = "Make a new webhook there, and paste its address here.";

export const KIND_WORDS: Readonly<Record<ChannelKind, KindWords>> = {
  slack: {
    secret: {
      label: "Webhook address",
      hint: "Of a Slack app: Incoming Webhooks, Add New Webhook to Workspace.",
    },
    gone: "The channel was archived, or the app removed. " + ADDRESS_GONE,
  },
  teams: {
    secret: {
      label: "Workflow address",
      hint:
        "In the channel’s menu: Workflows, post to a channel when a webhook request is received.",
    },
    gone: "The workflow is off or gone. Make a new one there, and paste its address here.",
  },
  discord: {
    secret: {
      label: "Webhook address",
      hint: "In the channel’s settings: Integrations, Webhooks, Copy Webhook URL.",
    },
    gone: "The webhook was deleted. " + ADDRESS_GONE,
  },
  mattermost: {
    secret: {
      label: "Webhook address",
      hint: "Integrations, Incoming Webhooks, Add Incoming Webhook.",
    },
    gone: "The webhook was deleted. " + ADDRESS_GONE,
  },
  pagerduty: {
    secret: {
      label: "REST API key",
      hint: "Integrations, API Access Keys. One that may write.",
    },
    gone: "The service or the user isn’t there any more. Correct them here.",
  },
  pagerduty_events: {
    secret: {
      label: "Integration key",
      hint: "On the service: Integrations, Events API V2.",
    },
    gone: "The integration was deleted. Add a new one there, and paste its key here.",
  },
  ntfy: {
    secret: {
      label: "Access token",
      hint: "Only where the server asks for one.",
    },
    gone: "The server knows no such topic. Correct the address or the topic here.",
  },
  gotify: {
    secret: {
      label: "Application token",
      hint: "Apps, Create Application.",
    },
    gone: "The server knows no such address. Correct it here.",
  },
  telegram: {
    secret: {
      label: "Bot token",
      hint: "@BotFather gives it. Add the bot to the chat, too.",
    },
    gone:
      "The bot was thrown out of the chat, or the chat is gone. Let it in again, or correct the " +
      "chat here.",
  },
};

/** What kinds ask for besides, as their forms have it. */
export const FIELD_WORDS: Readonly<
  Record<ChannelField, { readonly label: string; readonly hint: string }>
> = {
  region: { label: "Region", hint: "Where the PagerDuty account is." },
  from: { label: "From", hint: "E-mail address of a user of the PagerDuty account." },
  service_id: { label: "Service id", hint: "The end of the service’s address, such as PIJ90N7." },
  url: { label: "Server", hint: "Such as https://ntfy.sh or https://gotify.example.com." },
  topic: {
    label: "Topic",
    hint: "On a public server, whoever knows its name reads it: make it long and random.",
  },
  chat_id: { label: "Chat id", hint: "-100… for a group, @name for a public channel." },
};

const SCOPE_WORDS = {
  team: { label: "Team", hint: "Every request, and what becomes of it." },
  level_1: { label: "Level 1", hint: "Requests while they wait for Level 1." },
  level_2: { label: "Level 2", hint: "Requests while they wait for Level 2." },
} as const;

/** Of which requests a channel hears, in a word. */
export function scopeWords(scope: ChannelRecord["scope"]): string {
  return SCOPE_WORDS[scope].label;
}

const given = text(z.string().max(2048, "has at most 2,048 characters"))
  .transform((value) => value === "" ? undefined : value);

/** A channel as its form sends it. */
export const channelForm = {
  name: text(z.string().min(1, "must not be empty").max(100, "has at most 100 characters")),
  /** Empty: the one that it has. */
  secret: verbatim(z.string().max(2048, "has at most 2,048 characters")).transform((secret) =>
    secret.trim()
  ),
  scope: text(z.enum(SCOPES, "must be one of the three")),
  events: several(z.enum(APPROVAL_EVENTS, "must be one of the events"))
    .pipe(z.array(z.enum(APPROVAL_EVENTS)).min(1, "must have at least one")),
  from: given,
  service_id: given,
  region: given,
  url: given,
  topic: given,
  chat_id: given,
};

/** The form that adds a channel of a kind, or changes one. */
export function ChannelForm({ form, kind, channel }: {
  readonly form: AttemptedForm;
  readonly kind: ChannelKind;
  /** Null for a new one. */
  readonly channel: ChannelRecord | null;
}) {
  const { fields, secret: secretForm } = ASKED[kind];
  const { secret } = KIND_WORDS[kind];
  const isNew = channel === null;
  const known: Readonly<Record<string, string>> = channel === null ? {} : { ...channel.settings };
  return (
    <Form do={isNew ? "create" : "change"} layout="stack" hidden={isNew ? { kind } : {}}>
      <FieldErrors errors={form.errors} />
      <TextField
        name="name"
        label="Name"
        hint="What people call it, such as the name of the channel there."
        value={form.value("name", channel?.name)}
        error={form.error("name")}
        maxLength={100}
        autoComplete="off"
        required
      />
      {fields.map((field) =>
        field === "region"
          ? (
            <SelectField
              key={field}
              name={field}
              {...FIELD_WORDS[field]}
              error={form.error(field)}
              value={form.value(field, known[field] ?? "us")}
              options={[
                { value: "us", label: "United States" },
                { value: "eu", label: "Europe (…eu.pagerduty.com)" },
              ]}
            />
          )
          : (
            <TextField
              key={field}
              name={field}
              {...FIELD_WORDS[field]}
              value={form.value(field, known[field])}
              error={form.error(field)}
              maxLength={2048}
              autoComplete="off"
              spellcheck={false}
              mono
              required
            />
          )
      )}
      <TextField
        name="secret"
        {...secret}
        hint={isNew
          ? `${secret.hint} It is kept sealed, and shown nowhere again.`
          : "Empty: the one that it has. It is kept sealed, and shown nowhere again."}
        error={form.error("secret")}
        type="password"
        maxLength={2048}
        autoComplete="off"
        spellcheck={false}
        mono
        required={isNew && secretForm !== "optional_token"}
        optional={!isNew || secretForm === "optional_token"}
      />
      <div class="grid-2">
        <RadioGroup
          name="scope"
          label="Which requests"
          error={form.error("scope")}
          value={form.value("scope", channel?.scope ?? "team")}
          options={SCOPES.map((value) => ({ value, ...SCOPE_WORDS[value] }))}
          required
        />
        <CheckboxGroup
          name="events"
          label="What of them"
          error={form.error("events")}
          values={form.values("events", channel?.events ?? APPROVAL_EVENTS)}
          options={APPROVAL_EVENTS.map((value) => ({ value, label: EVENT_WORDS[value] }))}
        />
      </div>
      <p class="quiet small">
        {isNew ? "Adding one" : "Saving"} asks for your passkey: it sends data to{" "}
        {providerOf(kind).name}.
      </p>
      <FormActions>
        <Button variant="primary">{isNew ? "Add channel" : "Save"}</Button>
      </FormActions>
    </Form>
  );
}
