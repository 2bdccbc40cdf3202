import { visibleText } from "../base/text.ts";
import type { DecisionCounts } from "./decisions.ts";
import { type Finding, meaningOf } from "./finding.ts";
import type { SignedReceipt } from "./signed_receipt.ts";
import type { SpendingCounts } from "./spending.ts";
import type { MandateStanding, Untold } from "./story.ts";
import type { LogReport } from "./verify_log.ts";
import type { MandateReport } from "./verify_mandate.ts";
import type { ReceiptReport } from "./verify_receipt.ts";

/**
 * Verdicts in words, for a terminal.
 */

/** What was proven about a log, for a terminal. */
export function logReportText(report: LogReport): string {
  const { size, uncovered, span, previousSize } = report;
  const rows: [string, string][] = [
    ["origin", report.origin],
    ["entries", `${size}${size === 0 ? "" : `, index 0 to ${size - 1}`}`],
    ["root", report.root],
    ["signed by", `${report.key.kid} (${pinning(report)})`],
  ];
  for (const { index, fromKid, toKid } of report.handovers) {
    rows.push(["", `entry ${index} hands the log over from key ${fromKid} to ${toKid}`]);
  }
  rows.push(["time span", span === null ? "none" : `${span.first} to ${span.last}`]);
  rows.push(["private parts", `${report.privateParts} checked`]);
  rows.push(...decisionRows(report.decisions));
  rows.push(...storyRows(report.untold));
  rows.push(...spendingRows(report.spending));
  if (report.mandate !== null) rows.push(...standingRows(report.mandate));
  if (previousSize !== null) {
    rows.push(["previous", `${previousSize} entries: since then the log has only grown`]);
  }
  for (const id of report.receipts) {
    rows.push(["receipt", `${id} is of this log, and signed by a key that it tells of`]);
  }
  if (uncovered > 0) {
    rows.push(["not covered", `${uncovered} entries after the checkpoint: nobody signed for them`]);
  }
  return `OK: the log is what its checkpoint says.\n${table(rows)}`;
}

/** What was proven about a receipt, for a terminal. */
export function receiptReportText(report: ReceiptReport): string {
  return `OK: the entry is in the log.\n${
    table([
      ["origin", report.origin],
      ["entry", `${report.index} of ${report.size}: ${report.type}`],
      ["time", report.at],
      ["root", report.root],
      ["signed by", `${report.key.kid} (pinned, ${report.key.status})`],
    ])
  }`;
}

/** What was proven about a signed receipt, for a terminal. */
export function signedReceiptText({ claims, kid, id, issued_at, place }: SignedReceipt): string {
  return `OK: the receipt is signed. That its entry is in the log, the log tells: verify both.\n${
    table([
      ["receipt", id],
      ["says", `${claims.action ?? claims.event}: ${claims.decision}`],
      ["time", issued_at],
      ["entry", `${place.index} of ${place.log}, leaf ${place.leaf_hash}`],
      ["signed by", kid],
    ])
  }`;
}

/** The first thing wrong, and what it means, for a terminal. */
export function findingText(finding: Finding): string {
  const { code, index, what, earlier } = finding;
  const after = earlier === null ? "" : `, after entry ${earlier}`;
  const place = index === null ? "" : ` at entry ${index}${after}`;
  return `WRONG${place} (${code})\n  ${visibleText(what)}.\n  ${meaningOf(code)}`;
}

function decisionRows({ checked, unchecked, byKey }: DecisionCounts): [string, string][] {
  const rows: [string, string][] = [];
  if (checked + unchecked > 0) rows.push(["approvals", `${checked} signed decisions checked`]);
  if (unchecked > 0) rows.push(["", `${unchecked} without their private part: not checkable`]);
  if (byKey > 0) {
    const name = rows.length === 0 ? "approvals" : "";
    rows.push([name, `${byKey} given through an approver key: nobody signed them`]);
  }
  return rows;
}

function storyRows({ missing, untimed, unplaced, unclear }: Untold): [string, string][] {
  const rows: [string, string][] = [
    ["story", "who acted, approvals, tokens and kill switches agree with each other"],
  ];
  if (missing > 0) {
    rows.push(["", `${missing} times it rests on what the log, which begins later, does not tell`]);
  }
  if (untimed > 0) {
    rows.push(["", `${untimed} approvals used that do not say until when they were good`]);
  }
  if (unplaced > 0) {
    rows.push(["", `${unplaced} reports of runs too old to be held against their tokens`]);
  }
  if (unclear > 0) {
    rows.push(["", `${unclear} uses of credentials that may have been over: the clock was behind`]);
  }
  return rows;
}

function spendingRows({ checked, unchecked }: SpendingCounts): [string, string][] {
  if (checked + unchecked === 0) return [];
  const rows: [string, string][] = [[
    "budgets",
    `${checked} amounts recounted: none passes its limit`,
  ]];
  if (unchecked > 0) {
    rows.push(["", `${unchecked} whose limit the export does not show: not checkable`]);
  }
  return rows;
}

/** What was proven about one mandate, for a terminal. */
export function mandateReportText(report: MandateReport): string {
  const { seq, entries, span, spending } = report;
  return `OK: the entries of the mandate are in the log, and none is missing between them.\n${
    table([
      ["origin", report.origin],
      ["entries", `${entries} in a log of ${report.size}`],
      ["root", report.root],
      ["signed by", `${report.key.kid} (pinned, ${report.key.status})`],
      ["time span", `${span.first} to ${span.last}`],
      ...spendingRows(spending),
      ...standingRows({ id: report.mandate, seq, standings: report.standings }),
    ])
  }`;
}

function standingRows({ id, seq, standings }: MandateStanding): [string, string][] {
  return [
    ["mandate", `${id}: ${seq} entries, numbered without a gap`],
    ...standings.map(({ scope, limit, period, settled, held }): [string, string] => {
      const over = settled + held > limit ? `, ${settled + held - limit} beyond it` : "";
      return ["", `${scope}: ${settled} spent and ${held} held of ${limit} (${period})${over}`];
    }),
  ];
}

function pinning(report: LogReport): string {
  return report.handovers.length === 0
    ? `pinned, ${report.key.status}`
    : "not pinned: the log hands itself over to it";
}

function table(rows: [string, string][]): string {
  // Entries are other people's words: none of them may steer the terminal.
  return rows.map(([name, value]) => `  ${name.padEnd(14)}${visibleText(value)}`).join("\n");
}
