import type { ComponentChildren } from "preact";
import { Definitions } from "../../components/definitions.tsx";
import { Section } from "../../components/section.tsx";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import type { OrgRecord } from "../../lib/store/records/policy.ts";
import { DISCOVERY_WORDS, SETTING_WORDS, type SettingName } from "./settings_fields.ts";

/** The settings, for whoever may look only. */
export function SettingsFacts({ org }: { readonly org: OrgRecord }) {
  const names = Object.keys(SETTING_WORDS) as SettingName[];
  return (
    <Section
      title="Settings"
      description="Owners and admins change them; what lets more through is for owners."
    >
      <Definitions
        items={names.map((name) => ({
          term: SETTING_WORDS[name].label,
          value: (
            <>
              <strong>{settingValue(org, name)}</strong>
              <p class="quiet small">{SETTING_WORDS[name].hint}</p>
            </>
          ),
        }))}
      />
    </Section>
  );
}

function settingValue(org: OrgRecord, name: SettingName): ComponentChildren {
  if (name === "discovery") return DISCOVERY_WORDS[org.discovery].label;
  const value = org[name];
  if (typeof value === "boolean") return value ? "On" : "Off";
  return typeof value === "number" ? value : <UntrustedText text={value} />;
}

/** What is to be known of a deployment by whoever checks its log. */
export interface Deployment {
  readonly issuer: string;
  /** Thumbprint (RFC 7638) of the key that signs the log now. */
  readonly logKey: string | null;
  readonly retiredKeys: number;
  readonly mailConfigured: boolean;
}

/** Facts that nobody changes here. */
export function DeploymentSection({ org, deployment }: {
  readonly org: OrgRecord;
  readonly deployment: Deployment;
}) {
  const { issuer, logKey, retiredKeys, mailConfigured } = deployment;
  return (
    <Section
      title="This deployment"
      description="Write the fingerprint down somewhere else: whoever checks the log against it
        notices one that was swapped."
    >
      <Definitions
        items={[
          { term: "Issuer", value: issuer, mono: true },
          { term: "Organization id", value: org.id, mono: true },
          { term: "Name of the log", value: org.log_origin, mono: true },
          { term: "Fingerprint of its key", value: logKey ?? "None yet", mono: true },
          {
            term: "Its public keys",
            value: (
              <span>
                <a href={`/.well-known/countersign/keys/${org.id}`}>As a JWK set</a>
                {retiredKeys > 0 && `, ${retiredKeys} of them retired`}
              </span>
            ),
          },
          {
            term: "Mail",
            value: mailConfigured
              ? "A mail server is set up."
              : "No mail server: codes stand on the server’s console, links are handed over.",
          },
        ]}
      />
    </Section>
  );
}
