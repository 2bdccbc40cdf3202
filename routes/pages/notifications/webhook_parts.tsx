import { z } from "zod";
import { Button } from "../../../components/button.tsx";
import { NewSecret } from "../../../components/code.tsx";
import { TextField } from "../../../components/fields.tsx";
import { FieldErrors, Form, FormActions } from "../../../components/form.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import type { WebhookRecord } from "../../../lib/store/records/endpoint.ts";
import { HEARD_TYPES } from "../../../lib/store/records/event.ts";
import type { SecretWebhook } from "../../../lib/webhooks/webhooks.ts";
import type { AttemptedForm } from "../../dashboard/attempted.ts";
import { several, text } from "../../dashboard/form.ts";
import type { Outcome } from "../../dashboard/page.ts";
import { newWebhookBody } from "../../fields/webhook.ts";
import { EventsField } from "./event_words.tsx";

/** What the list of webhooks and the page of one have in common: the form, and a secret shown once. */

/** What is asked of a webhook, as a form sends it. */
export const webhookForm = {
  url: text(newWebhookBody.shape.url),
  events: several(z.enum(HEARD_TYPES, "must be one of the events")).pipe(
    newWebhookBody.shape.events,
  ),
  description: text(newWebhookBody.shape.description.unwrap()),
};

/** The host of a webhook: how people call it. */
export function hostOf({ url }: Pick<WebhookRecord, "url">): string {
  return URL.parse(url)?.host ?? url;
}

/** A webhook with a new secret, this once. */
export function newSecret({ record, secret }: SecretWebhook): Outcome {
  return {
    title: "Secret",
    show: (
      <NewSecret
        title={
          <>
            Webhook <UntrustedText text={hostOf(record)} />
          </>
        }
        breadcrumb={[{ label: "Webhooks", href: "/notifications/webhooks" }]}
        label="Secret"
        holder="webhook"
        secret={secret}
        next={{
          label: "To the webhook",
          href: pagePath("/notifications/webhooks/:id", { id: record.id }),
        }}
      >
        <p>
          {record.rotating_until === null
            ? "Your receiver checks the signature of each message with it, before it reads the message."
            : "For 24 hours the secret before signs as well: give your receiver this one within that time."}
        </p>
      </NewSecret>
    ),
  };
}

/** The form that makes a webhook, or changes one. */
export function WebhookForm({ form, webhook }: {
  readonly form: AttemptedForm;
  /** Null for a new one. */
  readonly webhook: WebhookRecord | null;
}) {
  const isNew = webhook === null;
  return (
    <Form do={isNew ? "create" : "change"} layout="stack">
      <FieldErrors errors={form.errors} />
      <div class="grid-2">
        <TextField
          name="url"
          label="Address"
          type="url"
          hint="https, on a host of the internet. The operator can allow hosts of your own network."
          value={form.value("url", webhook?.url)}
          error={form.error("url")}
          maxLength={2048}
          autoComplete="off"
          placeholder="https://hooks.example.com/countersign"
          mono
          required
        />
        <TextField
          name="description"
          label="For"
          hint="What listens there, for whoever reads this list."
          value={form.value("description", webhook?.description)}
          error={form.error("description")}
          maxLength={200}
          autoComplete="off"
          optional
        />
      </div>
      <EventsField
        offered={HEARD_TYPES.filter((type) => type !== "webhook.test")}
        chosen={form.values("events", webhook?.events ?? [])}
        error={form.error("events")}
      />
      <p class="quiet small">
        {isNew
          ? "Adding one asks for your passkey: it sends data out. The secret that signs is shown once."
          : "Saving asks for your passkey: it sends data out."}
      </p>
      <FormActions>
        <Button variant="primary">{isNew ? "Add webhook" : "Save"}</Button>
      </FormActions>
    </Form>
  );
}
