import { ButtonLink } from "../../components/button.tsx";
import { CodeBlock } from "../../components/code.tsx";
import CopyButton from "../../components/copy_button.tsx";
import { PageHeader } from "../../components/layout.tsx";
import { Notice } from "../../components/notice.tsx";
import { Section } from "../../components/section.tsx";
import { UntrustedText } from "../../components/untrusted_text.tsx";
import FirstCheck from "../../islands/first_check.tsx";
import { Programs } from "./quickstart_connect.tsx";

/** A new key, shown this once, and what to do with it. */
export function KeyPage({ id, name, secret, origin, now }: {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly origin: string;
  readonly now: number;
}) {
  const command = `export COUNTERSIGN_KEY='${secret}'`;
  return (
    <>
      <PageHeader
        title="Connect your own agent"
        description={
          <>
            The key <UntrustedText text={name} /> is made.
          </>
        }
        breadcrumb={[{ label: "Quickstart", href: "/quickstart" }]}
      />
      <Section title="1. Keep the key">
        <Notice tone="warning" live={false}>
          It is shown only now, and stored nowhere. Whoever has it can ask in its name.
        </Notice>
        <CodeBlock
          code={command}
          label="In the terminal where your agent runs"
          copy={<CopyButton text={command} label="Copy" />}
        />
      </Section>
      <Section title="2. Ask before you act">
        <Programs origin={origin} open />
      </Section>
      <Section title="3. Watch for its first check">
        <FirstCheck
          start={{ check: null }}
          stream={`/quickstart/live?actor=${encodeURIComponent(id)}`}
          now={now}
        />
        <ButtonLink href="/quickstart">Back to the Quickstart</ButtonLink>
      </Section>
    </>
  );
}
