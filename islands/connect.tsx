import type { TargetedMouseEvent } from "preact";
import { useState } from "preact/hooks";
import { CodeBlock } from "../components/code.tsx";
import CopyButton from "../components/copy_button.tsx";
import { island } from "../components/island.tsx";
import { Disclosure, Tabs } from "../components/layout.tsx";
import { pagePath } from "../lib/base/page_path.ts";
import type { Block, Way } from "../lib/onboarding/ways.ts";

export interface ConnectProps {
  readonly ways: readonly Way<string>[];
  readonly start: string;
  /** The page that it stands on, and what of its address stays. */
  readonly page?: "/quickstart" | "/connect";
  readonly kept?: { readonly upstream: string | null };
}

export default island("connect", Connect);

/**
 * Ways to connect an agent, one at a time. Each has an address; with script another one is shown
 * without loading the page, which may hold a token that is shown only once.
 */
function Connect({ ways, start, page = "/quickstart", kept }: ConnectProps) {
  const [key, setKey] = useState(start);
  // The anchor keeps the tabs in sight where the page is loaded.
  const pathOf = (one: string) => `${pagePath(page, { ...kept, with: one })}#connect`;
  const way = ways.find((one) => one.key === key);
  function follow(event: TargetedMouseEvent<HTMLElement>) {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const chosen = ways.find((one) => link?.getAttribute("href") === pathOf(one.key));
    if (chosen === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    setKey(chosen.key);
    history.replaceState(null, "", pathOf(chosen.key));
  }
  return (
    <div class="connect" id="connect" onClick={follow}>
      <Tabs
        label="Language or host"
        tabs={ways.map(({ key, label }) => ({
          label,
          href: pathOf(key),
          current: key === way?.key,
        }))}
      />
      {way !== undefined && (
        <div class="stack" key={way.key}>
          <p>{way.intro}</p>
          {way.blocks.map((block) => <Copied key={block.label} {...block} />)}
          {way.note !== null && <p class="quiet small">{way.note}</p>}
          {way.signIn.length > 0 && (
            <Disclosure summary="Or act as yourself: sign in with your passkey, without a token">
              <div class="stack">
                {way.signIn.map((block) => <Copied key={block.label} {...block} />)}
              </div>
            </Disclosure>
          )}
        </div>
      )}
    </div>
  );
}

function Copied({ label, text, isProgram = false }: Block) {
  return (
    <CodeBlock
      code={text.trimEnd()}
      label={label}
      copy={<CopyButton text={text} label="Copy" />}
      wrap={!isProgram}
    />
  );
}
