import { isJsonObject, type JsonObject, type JsonValue } from "../json/json_value.ts";

const RISKS = ["low", "medium", "high", "critical"] as const;

type Risk = (typeof RISKS)[number];

const ANNOTATIONS = ["read_only", "destructive", "idempotent", "open_world"] as const;

/** What of a frozen view a page lays out; the digest is of the whole of it. */
export interface ShownView {
  readonly tool: {
    readonly name: string;
    readonly description: string;
    readonly risk_level: Risk;
    readonly annotations: Readonly<Record<(typeof ANNOTATIONS)[number], boolean>>;
    readonly parameters: JsonObject | null;
  };
  readonly arguments: JsonObject;
  readonly reason: string;
  readonly context: JsonObject | null;
  readonly reference_id: string | null;
  readonly rule: {
    readonly id: string;
    readonly permission: string;
    readonly note: string | null;
  } | null;
}

/** The parts of a view that a page lays out. A missing one is shown as empty, never guessed. */
export function shownView(view: JsonObject): ShownView {
  const tool = objectOf(view.tool) ?? {};
  const rule = objectOf(view.rule);
  const annotations = objectOf(tool.annotations) ?? {};
  return {
    tool: {
      name: textOf(tool.name) ?? "",
      description: textOf(tool.description) ?? "",
      // Nothing is milder for want of a word.
      risk_level: RISKS.find((risk) => risk === tool.risk_level) ?? "critical",
      annotations: {
        read_only: annotations.read_only === true,
        destructive: annotations.destructive !== false,
        idempotent: annotations.idempotent === true,
        open_world: annotations.open_world !== false,
      },
      parameters: objectOf(tool.parameters),
    },
    arguments: objectOf(view.arguments) ?? {},
    reason: textOf(view.reason) ?? "",
    context: objectOf(view.context),
    reference_id: textOf(view.reference_id),
    rule: rule === null ? null : {
      id: textOf(rule.id) ?? "",
      permission: textOf(rule.permission) ?? "",
      note: textOf(rule.note),
    },
  };
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function objectOf(value: JsonValue | undefined): JsonObject | null {
  return isJsonObject(value) ? value : null;
}
