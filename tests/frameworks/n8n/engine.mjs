import { createRequire } from "node:module";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * n8n's own engine with a workflow in memory: a start, the gate, the guarded node on its first
 * output and one that hears refusals on its second. What the server of n8n does around it, when it
 * stores an execution that sleeps and when somebody wakes it, stands here as that server does it.
 */

process.env.N8N_USER_FOLDER ??= mkdtempSync(join(tmpdir(), "n8n-"));
process.env.N8N_ENCRYPTION_KEY ??= "only for this test";
process.env.N8N_LOG_LEVEL ??= "silent";

const require = createRequire(import.meta.url);
const { ExecutionLifecycleHooks, WorkflowExecute, WebhookContext } = require(
  "n8n-core",
);
const { createEmptyRunExecutionData, Workflow } = require("n8n-workflow");
const { Countersign } = require(
  "n8n-nodes-countersign/dist/nodes/Countersign/Countersign.node.js",
);
const { CountersignApi } = require(
  "n8n-nodes-countersign/dist/credentials/CountersignApi.credentials.js",
);

const GATE = "gate";
const CREDENTIAL = "countersignApi";

/** Reports, behind the guarded node, by the token that came with the item. */
const LOG = {
  resource: "run",
  operation: "log",
  token: "={{ $json.countersign.token }}",
  result: "success",
  costMicros: -1,
  answerWithin: 10,
  whenRefused: "output",
};

/** Where n8n would be asked to wake an execution. */
const HERE = "http://127.0.0.1/webhook-waiting";

/** A node of this test: what it does with its items. */
function own(name, execute, outputs = ["main"]) {
  const description = {
    displayName: name,
    name,
    group: ["transform"],
    version: 1,
    inputs: ["main"],
  };
  return {
    description: { ...description, outputs, defaults: {}, properties: [] },
    execute,
  };
}

/** The gate's own parameters, as its panel has them, but for some. */
export function parametersOf(some) {
  return {
    resource: "action",
    operation: "ask",
    toolName: "refund_order",
    argumentsFrom: "item",
    arguments: "{}",
    reason: "Order 17 came back",
    waiting: "hold",
    wait: 0,
    facts: {},
    answerWithin: 10,
    whenRefused: "output",
    ...some,
  };
}

/** How an execution goes in n8n: its data is plain JSON whenever it sleeps. */
export class Execution {
  #data = createEmptyRunExecutionData();

  /**
   * @param guarded, refused what the nodes behind the two outputs do with an item
   * @param gate another node in the place of ours
   */
  constructor(
    { credentials, parameters, settings = {}, items, guarded, refused, gate, waitingBase = HERE },
  ) {
    const types = {
      [GATE]: gate ?? new Countersign(),
      start: own("start", () => Promise.resolve([this.items()])),
      guarded: own("guarded", function () {
        return Promise.resolve([
          this.getInputData().map(({ json }) => ({ json: guarded(json) })),
        ]);
      }),
      refused: own("refused", function () {
        return Promise.resolve([
          this.getInputData().map(({ json }) => ({ json: refused(json) })),
        ]);
      }),
    };
    const node = (name, more = {}) => ({
      id: `${name}-id`,
      name,
      type: name,
      typeVersion: 1,
      position: [0, 0],
      parameters: {},
      ...more,
    });
    const gated = {
      type: GATE,
      credentials: { [CREDENTIAL]: { id: "1", name: "Countersign" } },
    };
    const to = (name) => [{ node: name, type: "main", index: 0 }];
    this.items = () => items().map((json) => ({ json }));
    this.credentials = credentials;
    this.waitingBase = waitingBase;
    this.definition = () => ({
      id: "workflow",
      name: "refunds",
      active: true,
      nodes: [
        node("start"),
        node(GATE, { ...gated, parameters, ...settings }),
        node("guarded"),
        node("refused"),
        node("report", {
          ...gated,
          parameters: { ...LOG, toolName: parameters.toolName },
        }),
      ],
      connections: {
        start: { main: [to(GATE)] },
        [GATE]: { main: [to("guarded"), to("refused")] },
        guarded: { main: [to("report")] },
      },
      nodeTypes: {
        getByName: (name) => types[name],
        getByNameAndVersion: (name) => types[name],
        getKnownTypes: () => ({}),
      },
      settings: { executionOrder: "v1" },
    });
  }

  get sleeps() {
    return this.#data.waitTill !== undefined;
  }

  /** What it shows of a node while it sleeps. */
  shown(name) {
    return this.#data.resultData.runData[name]?.at(-1)?.data.main;
  }

  /** When the clock of n8n would have it go on unasked. */
  get waitTill() {
    return this.#data.waitTill;
  }

  get error() {
    return this.#data.resultData.error;
  }

  #additional() {
    const workflowData = this.definition();
    const authenticate = new CountersignApi().authenticate;
    return {
      executionId: "17",
      restApiUrl: "http://127.0.0.1/rest",
      instanceBaseUrl: "http://127.0.0.1/",
      webhookBaseUrl: "http://127.0.0.1/webhook",
      webhookWaitingBaseUrl: this.waitingBase,
      formWaitingBaseUrl: "http://127.0.0.1/form-waiting",
      variables: {},
      currentNodeExecutionIndex: 0,
      hooks: new ExecutionLifecycleHooks("trigger", "17", workflowData),
      setExecutionStatus: () => {},
      sendDataToUI: () => {},
      credentialsHelper: {
        getParentTypes: () => [],
        getDecrypted: () => Promise.resolve(this.credentials()),
        getCredentialsProperties: () => new CountersignApi().properties,
        isCredentialUsableByNode: () => true,
        preAuthentication: () => Promise.resolve(undefined),
        runPreAuthentication: () => Promise.resolve(undefined),
        authenticate: (credentials, _type, request) => {
          const [[name, value]] = Object.entries(
            authenticate.properties.headers,
          );
          const said = value.slice(1).replace(
            "{{$credentials.apiKey}}",
            credentials.apiKey,
          );
          return Promise.resolve({
            ...request,
            headers: { ...request.headers, [name]: said },
          });
        },
      },
    };
  }

  async run() {
    const workflow = new Workflow(this.definition());
    const execute = new WorkflowExecute(this.#additional(), "trigger");
    this.#kept(
      await execute.run({ workflow, startNode: workflow.getNode("start") }),
    );
  }

  #kept(run) {
    const { waitTill, ...data } = run.data;
    // It is stored, and read again by whichever process wakes it.
    this.#data = {
      ...JSON.parse(JSON.stringify(data)),
      ...(waitTill && { waitTill }),
    };
  }

  /**
   * Somebody called the address by which it is woken, or n8n's clock did where `body` is null. False
   * where it sleeps on.
   */
  async wake(body) {
    if (!this.sleeps) return false;
    const workflow = new Workflow(this.definition());
    const additional = this.#additional();
    const [entry] = this.#data.executionData.nodeExecutionStack;
    // The items as they are now: whoever can write where n8n keeps them can change them.
    entry.data.main = [this.items()];
    if (body !== null) {
      additional.httpRequest = { body, headers: {}, params: {}, query: {} };
      additional.httpResponse = {};
      const node = workflow.getNode(GATE);
      const type = workflow.nodeTypes.getByNameAndVersion(GATE);
      const webhookData = { webhookDescription: type.description.webhooks[0] };
      const context = new WebhookContext(
        workflow,
        node,
        additional,
        "trigger",
        webhookData,
        [],
        this.#data,
      );
      let answer;
      try {
        answer = await type.webhook.call(context);
      } catch (error) {
        // What n8n does then: "at least tries to execute", with one empty item.
        answer = { workflowData: [[{ json: {} }]], error };
      }
      if (answer.workflowData === undefined) return false;
      entry.data.main = answer.workflowData;
      entry.metadata = { ...entry.metadata, forwardAllOutputs: true };
    }
    entry.node.disabled = true;
    const execute = new WorkflowExecute(additional, "trigger", this.#data);
    this.#kept(await execute.processRunExecutionData(workflow));
    return true;
  }
}
