import { visibleLine } from "../lib/text/visible_text.ts";
import { Button, ButtonLink } from "./button.tsx";
import { Form } from "./form.tsx";
import { Icon } from "./icon.tsx";
import { UntrustedText } from "./untrusted_text.tsx";

/** An organization that somebody may work in. */
export interface OrgChoice {
  readonly id: string;
  readonly name: string;
  readonly current: boolean;
}

export interface OrgSwitcherProps {
  readonly orgName: string;
  readonly orgs: readonly OrgChoice[];
  /** Where the choice is posted, as `org`. */
  readonly action: string;
}

/** The name of the organization, and the way to another: one of several, or a new one. */
export function OrgSwitcher({ orgName, orgs, action }: OrgSwitcherProps) {
  const others = orgs.filter(({ current }) => !current);
  return (
    <details class="switcher">
      <summary aria-label={`Organization ${visibleLine(orgName)}, switch`}>
        <span class="org-name">
          <UntrustedText text={orgName} />
        </span>
        <Icon name="chevron_down" size="small" />
      </summary>
      <div class="switcher-list">
        {others.length > 0 && (
          <Form action={action} do="switch_org">
            {others.map(({ id, name }) => (
              <Button key={id} variant="quiet" name="org" value={id}>
                <UntrustedText text={name} />
              </Button>
            ))}
          </Form>
        )}
        <ButtonLink href="/organizations" variant="quiet" icon="plus">
          Make another organization
        </ButtonLink>
      </div>
    </details>
  );
}
