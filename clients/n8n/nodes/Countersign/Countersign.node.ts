import {
  type IDataObject,
  type IExecuteFunctions,
  type INode,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  type IWebhookFunctions,
  type IWebhookResponseData,
  NodeConnectionTypes,
  NodeOperationError,
  WAIT_INDEFINITELY,
} from "n8n-workflow";
import { type Read, refused } from "./items.ts";
import { properties } from "./properties.ts";
import { type Done, runAll } from "./run.ts";
import { brokenStep } from "./sdk/step.ts";
import { NodeSeeker } from "./seeker.ts";
import { fellAsleep, woken } from "./waking.ts";

/**
 * The gate of a workflow. An item leaves by the first output once Countersign has allowed exactly
 * it and its token is consumed, and by the second for every other reason there is.
 */
export class Countersign implements INodeType {
  description: INodeTypeDescription = {
    displayName: "Countersign",
    name: "countersign",
    icon: {
      light: "file:../../icons/countersign.svg",
      dark: "file:../../icons/countersign.dark.svg",
    },
    group: ["transform"],
    version: 1,
    subtitle: '={{ $parameter["operation"] + ": " + ($parameter["toolName"] || "") }}',
    description: "Lets an item pass once it is allowed, or approved by a person, and only once",
    defaults: { name: "Countersign" },
    usableAsTool: true,
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main, NodeConnectionTypes.Main],
    outputNames: ["Allowed", "Refused"],
    credentials: [{ name: "countersignApi", required: true }],
    webhooks: [
      {
        name: "default",
        httpMethod: "POST",
        responseMode: "onReceived",
        path: "={{ $nodeId }}",
        restartWebhook: true,
        isFullPath: true,
      },
    ],
    properties,
  };

  /** Nothing is registered anywhere: the address belongs to one execution. */
  webhookMethods = {
    default: {
      checkExists: () => Promise.resolve(true),
      create: () => Promise.resolve(true),
      delete: () => Promise.resolve(true),
    },
  };

  async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    const items = this.getInputData();
    const read: Read = (name, index) => this.getNodeParameter(name, index, "");
    const goesOnAlways = this.getNode().alwaysOutputData === true;
    if (goesOnAlways) {
      // It would put an item of its own on the first output, and with "Continue" an error does, too.
      if (this.continueOnFail()) await this.putExecutionToWait(WAIT_INDEFINITELY);
      const message = "Turn off Always Output Data in the settings of this node: it lets refused " +
        "items pass";
      throw new NodeOperationError(this.getNode(), message);
    }
    let done: readonly Done[];
    try {
      const seeker = await NodeSeeker.of(this, read);
      const waiting = await fellAsleep(this, seeker, items, read);
      // Shown while it sleeps, and by the second output, whatever an engine makes of it.
      if (waiting !== null) return [[], waiting];
      done = await runAll(seeker, items, read, () => this.getSignedResumeUrl());
    } catch (error) {
      const step = brokenStep("The guarded step", error);
      done = items.map(({ json }) => ({ passes: false, json: refused(json, step) }));
    }
    // With "Continue" an error of a node passes its items on by the first output.
    if (!this.continueOnFail()) stopWhereSaid(this.getNode(), done, read);
    return outputs(items, done);
  }

  /**
   * Somebody woke a sleeping execution. Nothing of their request is read. It must not throw: such
   * engines then run on by the first output.
   */
  async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
    const { items, done } = await woken(this);
    // Without data it sleeps on: for ever where the engine would put an item out by itself.
    const sleepsOn = done === null || this.getNode().alwaysOutputData === true;
    if (sleepsOn) return { webhookResponse: { woken: false } };
    return { webhookResponse: { woken: true }, workflowData: outputs(items, done) };
  }
}

/** @throws {NodeOperationError} for a refused item that is to stop its workflow */
function stopWhereSaid(node: INode, done: readonly Done[], read: Read): void {
  const itemIndex = done.findIndex(({ passes }, i) => !passes && read("whenRefused", i) === "stop");
  const stopped = done[itemIndex];
  if (stopped === undefined) return;
  const { code, reason, reference, what_to_do } = stopped.json["countersign"] as IDataObject;
  const about = reference === null ? "" : ` (${String(reference)})`;
  const message = `${String(code)}: ${String(reason)}${about}`;
  throw new NodeOperationError(node, message, { itemIndex, description: String(what_to_do) });
}

function outputs(
  items: readonly INodeExecutionData[],
  done: readonly Done[],
): INodeExecutionData[][] {
  const both: INodeExecutionData[][] = [[], []];
  for (const [i, { passes, json }] of done.entries()) {
    const { binary } = items[i] ?? {};
    const item = { json, pairedItem: { item: i }, ...(binary === undefined ? {} : { binary }) };
    both[passes ? 0 : 1]?.push(item);
  }
  return both;
}
