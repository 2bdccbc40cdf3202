import { z } from "zod";
import { ButtonLink } from "../../../components/button.tsx";
import { CodeBlock } from "../../../components/code.tsx";
import CopyButton from "../../../components/copy_button.tsx";
import { Filters } from "../../../components/filters.tsx";
import { Notice, Steps } from "../../../components/layout.tsx";
import { PageHeader } from "../../../components/page_header.tsx";
import Connect from "../../../islands/connect.tsx";
import { pagePath } from "../../../lib/base/page_path.ts";
import { isCurrent, toolsOf } from "../../../lib/gateway/upstreams.ts";
import {
  GATEWAY_WAY_KEYS,
  gatewayUrl,
  gatewayWays,
  READ_TOKEN,
} from "../../../lib/onboarding/gateway_ways.ts";
import { hasRight } from "../../../lib/policy/rights.ts";
import type { MemberCall } from "../../dashboard/browser_call.ts";
import { memberPage } from "../../dashboard/page.ts";
import { upstreamName } from "../../fields/upstream.ts";

const PATH = "/connect";

const query = z.object({
  with: z.enum(GATEWAY_WAY_KEYS).default("claude_code").catch("claude_code"),
  upstream: upstreamName.nullable().default(null).catch(null),
});

type Call = MemberCall<undefined, z.output<typeof query>>;

/** How a host is pointed at the gateway: what comes first, which token, and what to copy. */
export const connectPage = memberPage({
  path: PATH,
  title: "Connect a host",
  section: "upstreams",
  needs: "read",
  query,
  load: async (call: Call) => {
    const { query: { with: way, upstream: wanted }, services, caller } = call;
    const { names, tools, agents } = await call.transact({
      plan: ({ snapshot }) => {
        const names = [...snapshot.upstreams.keys()].sort();
        return {
          names,
          agents: snapshot.agents.size,
          tools: names.flatMap((name) =>
            toolsOf(snapshot, name).filter((tool) =>
              tool.status === "approved" && isCurrent(tool, snapshot.upstreams.get(name))
            )
          ).map(({ name, upstream }) => ({ name, upstream: upstream.name })),
        };
      },
    });
    const upstream = wanted !== null && names.includes(wanted) ? wanted : null;
    const fitting = tools.filter((tool) => upstream === null || tool.upstream === upstream);
    return {
      names,
      upstream,
      way,
      agents,
      approved: fitting.length,
      tool: fitting[0]?.name ?? null,
      origin: services.settings.url.origin,
      mayConfigure: hasRight(caller.role, "configure"),
    };
  },
  view: ({ data }) => {
    const { names, upstream, way, approved, tool, origin } = data;
    const isReady = approved > 0;
    return (
      <>
        <PageHeader
          title="Connect a host"
          breadcrumb={[{ label: "Upstreams", href: "/upstreams" }]}
          description="A host, such as Claude Code or Cursor, is the program that an agent runs in. It
            knows one address, and finds there what its agent may call."
        />
        <Steps
          steps={[
            {
              title: "Tools to call",
              state: isReady ? "done" : "current",
              content: <ToolsStep data={data} />,
            },
            {
              title: "A token, or a sign-in",
              state: isReady ? "current" : "later",
              content: <TokenStep data={data} />,
            },
            {
              title: "Point the host here",
              state: isReady ? "current" : "later",
              content: (
                <>
                  {names.length > 1 && (
                    <Filters
                      path={(query) => pagePath(PATH, { ...query, with: way })}
                      query={{ upstream }}
                      filters={[{
                        name: "upstream",
                        label: "One upstream only",
                        choices: names.map((value) => ({ value, label: value })),
                      }]}
                    />
                  )}
                  <CodeBlock
                    label={upstream === null
                      ? "Address of all upstreams"
                      : `Address of ${upstream}`}
                    code={gatewayUrl(origin, upstream)}
                    copy={<CopyButton text={gatewayUrl(origin, upstream)} label="Copy" />}
                  />
                  <Connect
                    ways={gatewayWays(origin, { upstream, tool })}
                    start={way}
                    page={PATH}
                    kept={{ upstream }}
                  />
                </>
              ),
            },
            {
              title: "Call a tool",
              state: "later",
              content: (
                <p>
                  Each call stands under <a href={pagePath("/calls", { upstream })}>Calls</a>{" "}
                  from the moment it is asked: whether it waits, runs, or has its answer.
                </p>
              ),
            },
          ]}
        />
      </>
    );
  },
});

interface StepProps {
  readonly data: {
    readonly names: readonly string[];
    readonly upstream: string | null;
    readonly approved: number;
    readonly agents: number;
    readonly mayConfigure: boolean;
  };
}

function ToolsStep({ data: { names, upstream, approved, mayConfigure } }: StepProps) {
  if (approved > 0) {
    const tools = approved === 1 ? "1 tool" : `${approved} tools`;
    const where = upstream ?? (names.length === 1 ? "1 upstream" : `${names.length} upstreams`);
    return <p>{`${tools} of ${where} can be called, each as its rules say.`}</p>;
  }
  const one = upstream ?? (names.length === 1 ? names[0] ?? null : null);
  const [says, to, label] = names.length === 0
    ? [
      "There is no upstream yet. Add an MCP server by its URL.",
      "/upstreams#add",
      "Add an upstream",
    ]
    : [
      "None of the tools is approved, so a host would find none.",
      one === null ? "/upstreams" : pagePath("/upstreams/:name", { name: one }),
      "Approve tools",
    ];
  return mayConfigure
    ? (
      <>
        <p>{says}</p>
        <p>
          <ButtonLink href={to}>{label}</ButtonLink>
        </p>
      </>
    )
    : (
      <Notice tone="info" live={false}>
        {says} An owner or admin does that.
      </Notice>
    );
}

function TokenStep({ data: { agents, mayConfigure } }: StepProps) {
  return (
    <>
      <p>
        The token of an agent (<code>cs_agent_…</code>) says who calls. It is shown once, when the
        agent is made: {mayConfigure
          ? (
            <a href="/agents">
              {agents === 0 ? "make an agent" : "make an agent, or rotate a lost token"}
            </a>
          )
          : "ask an owner or admin for one"}. Paste it into the terminal that the host starts from:
      </p>
      <CodeBlock
        label="Terminal: waits for the token, and shows nothing of it"
        code={READ_TOKEN}
        copy={<CopyButton text={READ_TOKEN} label="Copy" />}
      />
      <p>
        A host that does OAuth needs no token: it gets the bare address, you sign in with your
        passkey, and it calls in your name. The consent asks for{" "}
        <code>mcp:run</code>, which owners, admins and approvers can give.
      </p>
    </>
  );
}
