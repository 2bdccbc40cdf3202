import { Bare } from "../../../components/bare.tsx";
import ReceiptCheck from "../../../islands/receipt_check.tsx";
import { taskCommand } from "../../../lib/store/system.ts";
import { publicPage } from "../../dashboard/page.ts";

/**
 * Checks a pasted receipt in the browser, for anybody. It is the same page for everybody: the
 * service worker keeps it for when there is no network.
 */
export const verifyPage = publicPage({
  path: "/verify",
  title: "Check a receipt",
  load: () => Promise.resolve(null),
  view: () => (
    <Bare
      title="Check a receipt"
      lead="A receipt is one entry of a log, with all that proves it to a stranger. It is checked here,
        in your browser: nothing you paste is sent anywhere, and once this page is open you can
        disconnect from the network."
    >
      <ReceiptCheck />
      <noscript>
        This page checks with JavaScript. Without it, run{" "}
        <code>{taskCommand("verify --receipt FILE --keys FILE")}</code>{" "}
        from the source of Countersign.
      </noscript>
      <section class="prose">
        <h2>What it proves, and what not</h2>
        <ul>
          <li>
            With a key that you know from elsewhere: whoever holds that key signed for a log that
            contains this entry, letter by letter, at this place.
          </li>
          <li>
            With a checkpoint that you kept, too: the log has only grown since; nothing before it
            was changed or removed.
          </li>
          <li>
            Not that what the entry says is true, nor that nothing else happened, nor what stands in
            its private part: the entry holds only digests of that.
          </li>
          <li>
            This page came from a server. If you don't trust that server either, run{" "}
            <code>{taskCommand("verify")}</code> from the source: it checks the same.
          </li>
        </ul>
      </section>
    </Bare>
  ),
});
