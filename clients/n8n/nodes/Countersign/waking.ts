import {
  type IExecuteFunctions,
  type INodeExecutionData,
  type IWebhookFunctions,
  WAIT_INDEFINITELY,
} from "n8n-workflow";
import { askedOf, type Read, refused } from "./items.ts";
import { type Done, finished, reasonOf } from "./run.ts";
import type { Seeker } from "./sdk/authorize.ts";
import { brokenStep, checkToPass } from "./sdk/step.ts";
import { NodeSeeker } from "./seeker.ts";
import { asksFor, placeOf, stillWaits, wakingBase } from "./sleep.ts";

/** Falling asleep over items that wait for a person, and being woken. */

/**
 * Asks for all items, and puts the execution to sleep where some of them wait: these, as they are
 * shown meanwhile, or null. There is no time at which it goes on by itself: an engine that wakes a
 * node by its clock passes its items on unasked. Countersign ends a request in time, which wakes
 * it, too.
 */
export async function fellAsleep(
  context: IExecuteFunctions,
  seeker: Seeker,
  items: readonly INodeExecutionData[],
  read: Read,
): Promise<INodeExecutionData[] | null> {
  if (read("operation", 0) !== "ask" || read("waiting", 0) !== "sleep") return null;
  const place = ownPlace(context);
  const waiting: INodeExecutionData[] = [];
  for (const [i, item] of items.entries()) {
    try {
      const { action } = askedOf(item, i, read);
      const step = await asksFor(seeker, action, reasonOf(i, read), place);
      if (step !== null) waiting.push({ json: refused(item.json, step), pairedItem: { item: i } });
    } catch {
      // It is asked about once more when the others are, and then refused for what is wrong.
    }
  }
  if (waiting.length === 0) return null;
  await context.putExecutionToWait(WAIT_INDEFINITELY);
  return waiting;
}

/** How items that slept go on. */
export interface Woken {
  readonly items: readonly INodeExecutionData[];
  /** Null for not yet. */
  readonly done: readonly Done[] | null;
}

/** Never throws: such engines then run on by the first output. */
export async function woken(context: IWebhookFunctions): Promise<Woken> {
  let items: readonly INodeExecutionData[] = [];
  try {
    items = context.evaluateExpression("{{ $input.all() }}", 0) as unknown as INodeExecutionData[];
    const read = readerOf(context);
    const seeker = await NodeSeeker.of(context, read);
    const place = ownPlace(context);
    for (const [i, item] of items.entries()) {
      const { action } = askedOf(item, i, read);
      if (await stillWaits(seeker, action, place)) return { items, done: null };
    }
    const done: Done[] = [];
    for (const [i, item] of items.entries()) {
      const asked = askedOf(item, i, read);
      done.push(finished(item, asked, await checkToPass(seeker, asked.action)));
    }
    return { items, done };
  } catch (error) {
    const step = brokenStep("The guarded step", error);
    const done = items.map(({ json }) => ({ passes: false, json: refused(json, step) }));
    return { items, done };
  }
}

function ownPlace(context: IExecuteFunctions | IWebhookFunctions): string {
  const url = context.getSignedResumeUrl();
  return placeOf(url, wakingBase(url));
}

/** Parameters by item, which a webhook's context reads of the first one alone. */
function readerOf(context: IWebhookFunctions): Read {
  const resolved = (value: unknown, index: number): unknown => {
    if (typeof value === "string") {
      return value.startsWith("=") ? context.evaluateExpression(value.slice(1), index) : value;
    }
    if (Array.isArray(value)) return value.map((one) => resolved(one, index));
    if (typeof value !== "object" || value === null) return value;
    const members = Object.entries(value).map(([name, one]) => [name, resolved(one, index)]);
    return Object.fromEntries(members);
  };
  return (name, index) =>
    resolved(context.getNodeParameter(name, "", { rawExpressions: true }), index);
}
