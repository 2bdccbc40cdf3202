import { Button, ButtonLink } from "../../components/button.tsx";
import { CodeBlock } from "../../components/code.tsx";
import CopyButton from "../../components/copy_button.tsx";
import { Disclosure } from "../../components/disclosure.tsx";
import { FieldErrors } from "../../components/field_errors.tsx";
import { TextField } from "../../components/fields.tsx";
import { Form, FormActions } from "../../components/form.tsx";
import { Notice } from "../../components/notice.tsx";
import { connectSnippets, FIRST_TOOL } from "../../lib/onboarding/snippets.ts";
import { attempted } from "../dashboard/attempted.ts";
import type { Attempt } from "../dashboard/page.ts";
import type { QuickstartData } from "./quickstart/data.ts";
import { AnyOf } from "./quickstart_who.tsx";

/** The second step: a key, and a program that asks with it. */
export function ConnectStep({ data, attempt }: {
  readonly data: QuickstartData;
  readonly attempt: Attempt | null;
}) {
  const { mayConfigure, askWhom, origin, isConnected } = data;
  const form = attempted(attempt, "key");
  return (
    <>
      <p>
        Your agent asks with a key of its own. Keep the key in the environment variable{" "}
        <code class="mono">COUNTERSIGN_KEY</code>, never in the program.
      </p>
      {mayConfigure
        ? (
          <Form do="key" layout="stack">
            <FieldErrors errors={form.errors} />
            <TextField
              name="name"
              label="Name of the key"
              hint="People see it on every request that comes with it."
              value={form.value("name", "My first agent")}
              error={form.error("name")}
              maxLength={100}
              required
            />
            <FormActions>
              <Button variant={isConnected ? "secondary" : "primary"} icon="key">
                {isConnected ? "Make another key" : "Make a key"}
              </Button>
              {isConnected && <ButtonLink href="/api-keys" variant="quiet">API keys</ButtonLink>}
            </FormActions>
          </Form>
        )
        : (
          <Notice tone="info" live={false}>
            Your role does not make keys. {askWhom.length > 0 && (
              <>
                Ask <AnyOf people={askWhom} /> for one.
              </>
            )}
          </Notice>
        )}
      <Programs origin={origin} />
      <p>
        Does your agent read instructions, like Claude Code, Cursor or VS Code?{" "}
        <a href="/quickstart/skill">Teach it to ask</a> by a skill and a prompt.
      </p>
    </>
  );
}

/** The programs to copy, one language each; the first is open where they are what comes next. */
export function Programs({ origin, open = false }: {
  readonly origin: string;
  readonly open?: boolean;
}) {
  return (
    <>
      <p>
        Each of these asks for <code class="mono">{FIRST_TOOL}</code>{" "}
        and runs it only when the answer is yes. Nobody has registered that tool, so it becomes a
        draft, and the request waits for a human: decide it within the minute and see it run.
      </p>
      {connectSnippets(origin).map(({ language, file, command, text }, i) => (
        <Disclosure key={file} summary={language} open={open && i === 0}>
          <div class="stack">
            <CodeBlock
              code={text}
              label={file}
              copy={<CopyButton text={text} label={`Copy ${file}`} />}
              wrap={false}
            />
            <p>
              Run it: <code class="mono">{command}</code>
            </p>
          </div>
        </Disclosure>
      ))}
    </>
  );
}
