import type { IDataObject, INodeExecutionData } from "n8n-workflow";
import { allowed, type Asked, askedOf, type Read, refused, wrong } from "./items.ts";
import { ASKING } from "./properties.ts";
import { isApprovalAnswer } from "./sdk/answers.ts";
import type { Seeker } from "./sdk/authorize.ts";
import { askToPass, brokenStep, checkToPass, spendToPass, type Step } from "./sdk/step.ts";
import type { NodeSeeker } from "./seeker.ts";
import { addressOf, wakingBase } from "./sleep.ts";

/** What the node does with each of its items. */

/** An item as it leaves, and by which output. */
export interface Done {
  readonly passes: boolean;
  readonly json: IDataObject;
}

/** As many as one who asks may have waiting. */
const AT_ONCE = 20;

export async function runAll(
  seeker: NodeSeeker,
  items: readonly INodeExecutionData[],
  read: Read,
  ownResumeUrl: () => string,
): Promise<Done[]> {
  const done: Done[] = [];
  for (let first = 0; first < items.length; first += AT_ONCE) {
    const some = items.slice(first, first + AT_ONCE);
    done.push(
      ...await Promise.all(
        some.map((item, i) => one(seeker, item, first + i, read, ownResumeUrl)),
      ),
    );
  }
  return done;
}

async function one(
  seeker: NodeSeeker,
  item: INodeExecutionData,
  index: number,
  read: Read,
  ownResumeUrl: () => string,
): Promise<Done> {
  try {
    const operation = String(read("operation", index));
    if (ASKING.has(operation)) {
      const asked = askedOf(item, index, read);
      return finished(
        item,
        asked,
        await stepOf(operation, seeker, asked, index, read),
      );
    }
    const said = operation === "log"
      ? await logged(seeker, index, read)
      : operation === "wake"
      ? await waken(seeker, String(read("request", index)), ownResumeUrl())
      : null;
    if (said === null) {
      throw wrong(`There is no operation "${operation}"`);
    }
    return { passes: true, json: { ...item.json, ...said } };
  } catch (error) {
    return {
      passes: false,
      json: refused(item.json, brokenStep(String(read("toolName", index)), error)),
    };
  }
}

/** How an item leaves after its step. */
export function finished(
  { json }: INodeExecutionData,
  asked: Asked,
  step: Step,
): Done {
  return step.passes
    ? { passes: true, json: allowed(asked, step) }
    : { passes: false, json: refused(json, step) };
}

function stepOf(
  operation: string,
  seeker: Seeker,
  { action }: Asked,
  index: number,
  read: Read,
): Promise<Step> {
  switch (operation) {
    case "ask": {
      const wait = Number(read("wait", index));
      return askToPass(seeker, action, { reason: reasonOf(index, read), wait });
    }
    case "confirm":
      if (typeof action.mandate_id !== "string") {
        throw wrong(
          "A user confirms what is done under a mandate: add its ID to Facts",
        );
      }
      return askToPass(seeker, action, {
        reason: reasonOf(index, read),
        wait: 0,
      });
    case "mint":
      return checkToPass(seeker, action, { consume: false });
    case "consume":
      return spendToPass(seeker, action, String(read("token", index)));
    default:
      return checkToPass(seeker, action);
  }
}

/** @throws {NotRun} */
export function reasonOf(index: number, read: Read): string {
  const reason = read("reason", index);
  if (typeof reason === "string" && reason !== "") return reason;
  throw wrong(
    "The reason is empty, which a person would have to approve by",
  );
}

async function logged(
  seeker: Seeker,
  index: number,
  read: Read,
): Promise<IDataObject> {
  const cost = Number(read("costMicros", index));
  const body = {
    tool_name: String(read("toolName", index)),
    token: String(read("token", index)),
    execution_result: read("result", index),
    ...(cost < 0 ? {} : { cost_micros: cost }),
  };
  const isLogged = (
    value: unknown,
  ): value is { readonly execution_id: string } =>
    typeof (value as { execution_id?: unknown } | null)?.execution_id ===
      "string";
  const { execution_id } = await seeker.post(
    "/v1/executions/log",
    body,
    isLogged,
  );
  return { countersign: { code: "logged", execution_id } };
}

/** @throws {NotRun} where nothing was woken, so that whoever told of it tells again */
async function waken(
  seeker: NodeSeeker,
  request: string,
  ownResumeUrl: string,
): Promise<IDataObject> {
  const path = `/v1/approvals/${encodeURIComponent(request)}`;
  const { status, reference, reference_id } = await seeker.get(
    path,
    isApprovalAnswer,
  );
  if (status === "pending") {
    throw wrong(`${reference} still waits for a person`);
  }
  const url = addressOf(reference_id, wakingBase(ownResumeUrl));
  if (url === null) return { countersign: { code: "nobody_waits", reference } };
  const { statusCode } = await seeker.context.helpers.httpRequest({
    method: "POST",
    url,
    returnFullResponse: true,
    ignoreHttpStatusErrors: true,
    disableFollowRedirect: true,
  });
  // 404 is an execution that is over, or was deleted; 409 one that is not asleep yet.
  if (statusCode === 404) {
    return { countersign: { code: "nobody_waits", reference } };
  }
  if (statusCode < 200 || statusCode > 299) {
    throw wrong(
      `The workflow that waits for ${reference} answered ${statusCode}`,
    );
  }
  return { countersign: { code: "woken", reference } };
}
