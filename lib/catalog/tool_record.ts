import { hash } from "node:crypto";
import { serialize } from "node:v8";
import { canonicalJson } from "../base/canonical.ts";
import type { JsonObject } from "../base/json.ts";
import { factProblems } from "../policy/facts.ts";
import type { Snapshot } from "../policy/snapshot.ts";
import { type InputProblem, Refusal } from "../refusal.ts";
import { argumentProblems, checkParameterSchema } from "../schema/check.ts";
import type { Annotations, ToolRecord } from "../store/records/policy.ts";
import { type GivenIds, personalIdProblems } from "./personal_ids.ts";

/**
 * A tool as the catalog describes it: what a request makes of it, what stands against that, and the
 * digest of what an approver is told. Pure.
 */

/** The fields of a tool that a person writes. */
export const TOOL_FIELDS = [
  "description",
  "category",
  "tags",
  "risk_level",
  "parameters",
  "default_permission",
  "annotations",
  "annotations_acknowledged",
  "required_tier",
  "required_facts",
  "facts",
  "methods",
  "requires_second_approval",
  "requires_mandate",
  "guards",
  "approval_timeout_seconds",
  "approval_use_seconds",
  "kill_switch",
  "status",
] as const satisfies readonly (keyof ToolRecord)[];

/** A tool as a request gives it, in whole or in part. */
export type ToolFields =
  & Partial<Omit<Pick<ToolRecord, typeof TOOL_FIELDS[number]>, "annotations">>
  & {
    readonly annotations?: Partial<Annotations>;
    /** Of a tool of an upstream: the definition that whoever writes this has read. */
    readonly definition_digest?: string;
  };

/** A value of the store holds 65,536 bytes; this leaves room for its wrapping. */
const MAX_RECORD_BYTES = 60_000;

/** What a tool is when nobody says: as dangerous as a tool can be. */
const WORST_ANNOTATIONS: Annotations = {
  read_only: false,
  destructive: true,
  idempotent: false,
  open_world: true,
};

/**
 * The tool that a full description makes: what is absent has its default, not what it was before.
 * The kill switch, its guards, where its facts are, and that it requires a mandate, stay as they are unless
 * they are named: registering a tool again at every start of an agent must not open what somebody closed.
 */
export function replacedTool(
  name: string,
  fields: ToolFields,
  old: ToolRecord | null,
  made: { readonly id: string; readonly at: number },
): ToolRecord {
  const acknowledged = fields.annotations_acknowledged ?? false;
  const status = fields.status ?? (acknowledged ? "approved" : "draft");
  const default_permission = fields.default_permission ?? null;
  return {
    id: old?.id ?? made.id,
    name,
    description: fields.description ?? "",
    category: fields.category ?? null,
    tags: fields.tags ?? [],
    risk_level: fields.risk_level ?? "medium",
    parameters: fields.parameters ?? null,
    default_permission,
    annotations: { ...WORST_ANNOTATIONS, ...fields.annotations },
    annotations_acknowledged: acknowledged,
    required_tier: fields.required_tier ?? 0,
    required_facts: fields.required_facts ?? [],
    methods: fields.methods ?? null,
    requires_second_approval: fields.requires_second_approval ?? false,
    requires_mandate: fields.requires_mandate ?? old?.requires_mandate ?? false,
    approval_timeout_seconds: fields.approval_timeout_seconds ?? null,
    approval_use_seconds: fields.approval_use_seconds ?? null,
    kill_switch: fields.kill_switch ?? old?.kill_switch ?? { active: false, reason: null },
    status,
    discovered: false,
    ...undecidedOf(old, { status, default_permission }),
    ...ofUpstream(old, status),
    ...guardsOf(fields, old),
    ...factsOf(fields, old),
    created_at: old?.created_at ?? made.at,
    updated_at: made.at,
  };
}

/** The tool with the named fields changed; annotations, and the sides of its guards, one by one. */
export function mergedTool(
  old: ToolRecord,
  { definition_digest: _read, facts, ...fields }: ToolFields,
  at: number,
): ToolRecord {
  const { undecided: _before, facts: _places, ...rest } = old;
  const { status, default_permission } = { ...old, ...fields };
  return {
    ...rest,
    ...fields,
    ...factsOf({ ...(facts === undefined ? {} : { facts }) }, old),
    ...undecidedOf(old, { status, default_permission }),
    annotations: { ...old.annotations, ...fields.annotations },
    ...(fields.guards === undefined ? {} : { guards: { ...old.guards, ...fields.guards } }),
    // Whoever names the default has looked at the draft; before that its default is nobody's word.
    discovered: old.discovered && (fields.default_permission ?? null) === null,
    ...ofUpstream(old, fields.status ?? old.status),
    updated_at: at,
  };
}

/** The tool out of use. */
export function archivedTool(old: ToolRecord, at: number): ToolRecord {
  return mergedTool(old, { status: "archived" }, at);
}

/** That a draft goes out of use does not decide what its default is: whoever brings it back does. */
function undecidedOf(
  old: ToolRecord | null,
  { status, default_permission }: Pick<ToolRecord, "status" | "default_permission">,
): Pick<ToolRecord, "undecided"> {
  const isOut = status === "disabled" || status === "archived";
  return isOut && old !== null && wasDraft(old) && default_permission === null
    ? { undecided: true }
    : {};
}

function wasDraft({ status, discovered, undecided }: ToolRecord): boolean {
  return status === "draft" || discovered || undecided === true;
}

/** Its guards: those that are named, else those that it has. */
function guardsOf(
  { guards }: ToolFields,
  old: Pick<ToolRecord, "guards"> | null,
): Pick<ToolRecord, "guards"> {
  const own = guards ?? old?.guards;
  return own === undefined ? {} : { guards: own };
}

/** Where its facts are: all that is named, else as it was. */
function factsOf(
  { facts }: ToolFields,
  old: Pick<ToolRecord, "facts"> | null,
): Pick<ToolRecord, "facts"> {
  const own = facts ?? old?.facts ?? {};
  return Object.keys(own).length === 0 ? {} : { facts: own };
}

/** Where a tool runs is not a person's to write; whoever approves it takes its definition as it is. */
function ofUpstream(
  old: Pick<ToolRecord, "upstream"> | null,
  status: ToolRecord["status"],
): Pick<ToolRecord, "upstream"> {
  const { upstream } = old ?? {};
  if (upstream === undefined) return {};
  return { upstream: { ...upstream, drifted: upstream.drifted && status !== "approved" } };
}

/**
 * What stands against a tool becoming `next`: an approved one has its annotations acknowledged, and
 * what was a draft until now has a default permission that a person chose. What it is named anew does
 * not look personal.
 */
export function toolProblems(
  org: Parameters<typeof personalIdProblems>[0],
  old: ToolRecord | null,
  next: ToolRecord,
): InputProblem[] {
  const problems = personalIdProblems(org, newNames(old, next));
  // What its upstream made of its parameters since is no reason to refuse a change of something else.
  if (canonicalJson(next.facts ?? {}) !== canonicalJson(old?.facts ?? {})) {
    problems.push(...factProblems(next));
  }
  const approved = next.status === "approved";
  if (approved && !next.annotations_acknowledged) {
    problems.push({
      path: "/annotations_acknowledged",
      message: "must be true for an approved tool: whoever approves it stands for its annotations",
    });
  }
  const unchosen = next.default_permission === null || next.discovered;
  if (approved && old !== null && wasDraft(old) && unchosen) {
    problems.push({
      path: "/default_permission",
      message: "must be named when a draft is approved: allowed, requires_approval or disabled",
    });
  }
  if (serialize(next).length > MAX_RECORD_BYTES) {
    problems.push({
      path: "/parameters",
      message: `make the tool larger than ${MAX_RECORD_BYTES} bytes, which is more than is stored`,
    });
  }
  return problems;
}

/**
 * Refuses to open a tool of an upstream for a definition that nobody is known to have read: another
 * one than is named, or, where none is named, any but the first that its upstream ever offered.
 * @param read the digest of the definition that whoever opens it has read; null where none is named
 * @throws {Refusal} definition_changed
 */
export function assertDefinitionRead(
  { upstreams }: Pick<Snapshot, "upstreams">,
  old: ToolRecord | null,
  next: ToolRecord,
  read: string | null,
): void {
  const upstream = old?.upstream;
  const opens = next.status === "approved" && old?.status !== "approved";
  if (read === null && (upstream === undefined || !opens)) return;
  const isThere = upstream !== undefined &&
    upstreams.get(upstream.name)?.generation === upstream.generation;
  const isIt = read === null ? upstream?.first === true : upstream?.definition_digest === read;
  if (!isThere || !isIt) throw new Refusal("definition_changed", { tool_name: next.name });
}

/** The names that the tool does not have yet: one from before may be changed, and stopped. */
function newNames(old: ToolRecord | null, { name, methods }: ToolRecord): GivenIds {
  const given: [string, string][] = old === null ? [["/name", name]] : [];
  methods?.forEach((method, i) => {
    if (!(old?.methods ?? []).includes(method)) given.push([`/methods/${i}`, method]);
  });
  return Object.fromEntries(given);
}

/** What is wrong with a parameter schema, at its place in the request. */
export function schemaProblems(parameters: JsonObject | null | undefined): InputProblem[] {
  if (parameters === null || parameters === undefined) return [];
  return checkParameterSchema(parameters).map(({ path, message }) => ({
    path: `/parameters${path}`,
    message,
  }));
}

/** The refusal of arguments that are not what a tool takes; null where they are, or it says nothing. */
export function argumentRefusal(
  { parameters }: Pick<ToolRecord, "parameters">,
  args: JsonObject,
): Refusal<"invalid_arguments"> | null {
  if (parameters === null) return null;
  const errors = argumentProblems(parameters, args)
    .map(({ path, message }) => ({ path: `/arguments${path}`, message }));
  return errors.length === 0 ? null : new Refusal("invalid_arguments", { errors });
}

/** @throws {Refusal} invalid_request when there is a problem */
export function refuseProblems(errors: InputProblem[]): void {
  if (errors.length > 0) throw new Refusal("invalid_request", { errors: errors.slice(0, 20) });
}

/**
 * The digest of what an approver is told about a tool: `sha256:` and the lower-case hex SHA-256 of
 * the RFC 8785 form of its name, description, annotations, parameter schema and risk level, of where
 * facts are read from its arguments, and of what its upstream defines. An approval given, or a run token minted, for one definition does not
 * hold for another.
 */
export function toolDefinitionDigest(tool: ToolRecord): string {
  const { name, description, annotations, facts, parameters, risk_level, upstream } = tool;
  const text = canonicalJson({
    name,
    description,
    annotations: { ...annotations },
    parameters,
    risk_level,
    ...(facts === undefined ? {} : { facts }),
    ...(upstream === undefined ? {} : {
      upstream: {
        name: upstream.name,
        tool: upstream.tool,
        definition_digest: upstream.definition_digest,
        generation: upstream.generation,
      },
    }),
  });
  return `sha256:${hash("sha256", text, "hex")}`;
}

/** The digest of a tool's definition as the catalog has it; null when there is no such tool. */
export function definitionOf({ tools }: Pick<Snapshot, "tools">, tool: string): string | null {
  const record = tools.get(tool);
  if (record === undefined) return null;
  let digest = definitions.get(record);
  if (digest === undefined) definitions.set(record, digest = toolDefinitionDigest(record));
  return digest;
}

/** A record of the snapshot never changes: another definition is another record. */
const definitions = new WeakMap<ToolRecord, string>();
