import { ButtonLink } from "../../components/button.tsx";
import { PermissionBadge } from "../../components/permission_badge.tsx";
import { originWords } from "../../components/rule.tsx";
import { RuleSelector } from "../../components/rule_selector.tsx";
import { RuleTrace } from "../../components/rule_trace.tsx";
import { RuleWarnings } from "../../components/rule_warnings.tsx";
import { Section } from "../../components/section.tsx";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import type { Explained } from "../../lib/decisions/explain.ts";
import { rulePath, rulesPath } from "./rule_links.ts";

/** What a check of an action would be answered, and every step that leads there. */
export function ExplainedAnswer({ explained }: { readonly explained: Explained }) {
  const { permission, resolved_from, rule, trace, action, policy_version, warnings } = explained;
  const { title, meaning } = originWords(resolved_from);
  const { tenant, resource, tool, method } = action;
  const selector = {
    tenant_id: tenant,
    resource_id: resource,
    tool_name: tool,
    method,
    tag: null,
  };
  return (
    <>
      <Section
        title="The answer"
        actions={
          <ButtonLink href={rulesPath(tool, tenant)} size="small" icon="rules">
            Rules side by side
          </ButtonLink>
        }
      >
        <p>
          <RuleSelector selector={selector} />
        </p>
        <p class="rule-verdict">
          <PermissionBadge permission={permission} />
          <span>
            <strong>{title}.</strong> {meaning} <code class="mono quiet">{resolved_from}</code>
          </span>
        </p>
        {rule !== null && (
          <p>
            <a href={rulePath(rule.id)}>The rule that decides</a>
            {rule.note !== null && (
              <>
                {": "}
                <UntrustedText text={rule.note} />
              </>
            )}
          </p>
        )}
        <RuleWarnings warnings={warnings} />
        <p class="quiet small">On policy version {policy_version}, asked over REST.</p>
      </Section>
      <Section
        title="How it came to that"
        description="Every step in order. A kill switch ends it. Gates only narrow what the first rule
          that matches, or else a default, says."
      >
        <RuleTrace trace={trace} decidedBy={resolved_from} />
      </Section>
    </>
  );
}
