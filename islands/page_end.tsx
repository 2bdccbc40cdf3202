import { render } from "preact";
import { Bare } from "../components/bare.tsx";
import { ButtonLink } from "../components/button.tsx";
import { UntrustedText } from "../components/untrusted_text.tsx";

/** Why a page is not its reader's any more: of a problem document what is shown. */
export interface PageProblem {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

/**
 * Takes everything that the page shows away, and says why. Not only what is on the screen goes: the
 * elements of islands carry what they were drawn from.
 */
export function endPage(problem: PageProblem): void {
  const { pathname, search } = location;
  document.title = `${problem.title} · Countersign`;
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  render(<PageEnd problem={problem} here={pathname + search} />, root);
  root.querySelector<HTMLElement>("h1")?.focus();
}

function PageEnd({ problem: { code, title, detail }, here }: {
  readonly problem: PageProblem;
  readonly here: string;
}) {
  return (
    <Bare title={title} lead={<UntrustedText text={detail} />}>
      <p>
        {code === "session_ended"
          ? (
            <ButtonLink href={`/sign-in?to=${encodeURIComponent(here)}`} variant="primary">
              Sign in
            </ButtonLink>
          )
          : code === "membership_ended"
          ? <ButtonLink href="/organizations" variant="primary">Your organizations</ButtonLink>
          : <ButtonLink href="/" variant="primary">Go to the overview</ButtonLink>}
      </p>
    </Bare>
  );
}
