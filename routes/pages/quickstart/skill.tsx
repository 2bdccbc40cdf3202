import { ButtonLink } from "../../../components/button.tsx";
import { CodeBlock, Mono } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { Disclosure, Notice, Section } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import { Table } from "../../../components/table.tsx";
import { UntrustedText } from "../../../components/untrusted.tsx";
import {
  SKILL_FILE,
  SKILL_NAME,
  skillMarkdown,
  TRIGGER_PROMPTS,
} from "../../../lib/onboarding/skill.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { type Endpoint, memberEndpoint } from "../../dashboard/endpoint.ts";
import { memberPage } from "../../dashboard/page.ts";

const SKILL_PATH = "/quickstart/skill";

/** Where hosts look for skills, below a project or a home directory. */
const PLACES = [
  { host: "Claude Code", place: `.claude/skills/${SKILL_NAME}/${SKILL_FILE}` },
  { host: "Cursor", place: `.cursor/skills/${SKILL_NAME}/${SKILL_FILE}` },
  { host: "VS Code", place: `.github/skills/${SKILL_NAME}/${SKILL_FILE}` },
  { host: "Codex and others", place: `.agents/skills/${SKILL_NAME}/${SKILL_FILE}` },
] as const;

/** The skill of the member's organization, and the prompts that put an agent under it. */
export const quickstartSkillPage = memberPage({
  path: SKILL_PATH,
  title: "Teach your agent",
  section: "quickstart",
  needs: "read",
  load: async (call: MemberCall) => ({
    skill: await skillOf(call),
    endpoint: `${call.services.settings.url.origin}/mcp`,
  }),
  view: ({ data: { skill, endpoint } }) => (
    <>
      <PageHeader
        title="Teach your agent"
        description="For agents that read instructions, such as Claude Code, Cursor or VS Code: a file
          that tells them how to ask, and a prompt that tells them when."
        breadcrumb={[{ label: "Quickstart", href: "/quickstart" }]}
      />
      <Section
        title="Give it the skill"
        description="The procedure, step by step, with the id of your organization in it."
      >
        <div class="row">
          <ButtonLink
            href="/quickstart/skill/SKILL.md"
            variant="primary"
            icon="download"
            download
          >
            Download {SKILL_FILE}
          </ButtonLink>
        </div>
        <p>
          Put it where your agent looks for skills, below the project or your home directory. The
          folder has to be called <Mono>{SKILL_NAME}</Mono>.
        </p>
        <Table
          caption="Where hosts look for skills"
          prose
          rows={PLACES}
          rowKey={({ host }) => host}
          columns={[
            { key: "host", label: "Host", kind: "title", cell: ({ host }) => host },
            { key: "place", label: "Place", cell: ({ place }) => <Mono>{place}</Mono> },
          ]}
          empty={null}
        />
        <p>
          An agent without skills takes the text into its standing instructions, such as{" "}
          <Mono>AGENTS.md</Mono>. Connect it to <Mono>{endpoint}</Mono> so that it has the tools;
          {" "}
          <a href="/connections">Connections</a> shows what is connected.
        </p>
        <Disclosure summary="Read the skill">
          <CodeBlock
            code={skill}
            label={SKILL_FILE}
            copy={<CopyButton text={skill} label={`Copy ${SKILL_FILE}`} />}
          />
        </Disclosure>
      </Section>
      <Section
        title="Tell it when"
        description="Paste one of these at the start of a session, or keep it in the standing
          instructions."
      >
        {TRIGGER_PROMPTS.map(({ title, when, text }) => (
          <section key={title} class="stack">
            <div>
              <h3>{title}</h3>
              <p>{when}</p>
            </div>
            <CodeBlock
              code={text}
              label="Prompt"
              copy={<CopyButton text={text} label={`Copy “${title}”`} />}
            />
          </section>
        ))}
        <Notice tone="info" title="A prompt asks; a token binds" live={false}>
          A model that is told to ask usually does. Where it has to, let the program that runs the
          tool consume the run token first: without one, nothing runs. The{" "}
          <a href="/quickstart">Quickstart</a> has such a program in three languages.
        </Notice>
      </Section>
    </>
  ),
});

export const quickstartSkillEndpoints: readonly Endpoint[] = [
  memberEndpoint({
    method: "get",
    path: "/quickstart/skill/SKILL.md",
    needs: "read",
    handle: async (call) =>
      new Response(await skillOf(call), {
        headers: {
          "content-type": "text/markdown; charset=utf-8",
          "content-disposition": `attachment; filename="${SKILL_FILE}"`,
        },
      }),
  }),
];

/** The skill as it is now: whoever renames the organization changes it. */
async function skillOf(call: MemberCall): Promise<string> {
  const name = await call.transact({ plan: ({ snapshot }) => snapshot.org.name });
  return skillMarkdown({ org: { id: call.org, name }, origin: call.services.settings.url.origin });
}

/** People that one sentence names at most. */
const MOST_NAMED = 5;

/** People by their addresses, for a sentence: "a", "a or b", "a, b or c"; of many the first few. */
export function AnyOf({ people }: { readonly people: readonly string[] }) {
  const named = people.slice(0, MOST_NAMED);
  const isWhole = named.length === people.length;
  return (
    <>
      {named.map((email, i) => (
        <span key={email}>
          {i === 0 ? "" : i === named.length - 1 && isWhole ? " or " : ", "}
          <UntrustedText text={email} />
        </span>
      ))}
      {!isWhole && " or somebody else who may"}
    </>
  );
}
