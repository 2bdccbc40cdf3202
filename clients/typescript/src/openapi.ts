// Made from the OpenAPI document by `deno task clients:types`: not to be edited.

/** Any JSON. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | {
    readonly [name: string]: JsonValue;
  };

export interface components {
  schemas: {
    readonly GetApprovalsAnswer: {
      readonly data: readonly {
        readonly id: string;
        readonly reference: string;
        /** @enum {string} */
        readonly status: "pending" | "approved" | "denied" | "expired" | "cancelled" | "revoked";
        /** @description 0 while the user of its mandate is asked */
        readonly level: number;
        /** @description How many of its seats are members' */
        readonly levels: number;
        /**
         * @description Where it stands; under a mandate only
         * @enum {string}
         */
        readonly seat?: "user" | "level_1" | "level_2";
        /** @description Who decides it, in order */
        readonly seats?: readonly ("user" | "level_1" | "level_2")[];
        /** @description The question to the user, where they are asked */
        readonly confirmation?: {
          readonly id: string;
          /** Format: date-time */
          readonly expires_at: string;
        };
        readonly levels_skipped: boolean;
        readonly tool_name: string;
        readonly tenant_id: string | null;
        readonly resource_id: string | null;
        readonly method: string | null;
        /** @description For the requester and approver keys, else null */
        readonly arguments: {
          readonly [key: string]: JsonValue;
        } | null;
        readonly action_digest: string;
        readonly view_digest: string;
        /** @description Without personal data and secrets */
        readonly reason: string;
        readonly reference_id: string | null;
        readonly requested_by: {
          /** @enum {string} */
          readonly type: "api_key" | "agent" | "oauth_grant";
          readonly id: string;
          readonly name: string;
          /** @description What they asked through; absent for their own */
          readonly sub_token_id?: string;
        };
        /** @enum {string} */
        readonly resolved_from:
          | "kill_switch"
          | "sub_token"
          | "gate_unknown_tool"
          | "gate_tool_disabled"
          | "gate_tier"
          | "gate_unknown_tenant"
          | "gate_incomplete"
          | "gate_method"
          | "gate_mandate"
          | "tenant_resource_tool_method"
          | "tenant_resource_tool"
          | "tenant_resource_method"
          | "tenant_resource"
          | "tenant_tool_method"
          | "tenant_tool"
          | "tenant_method"
          | "tenant_tag"
          | "org_resource_tool_method"
          | "org_resource_tool"
          | "org_resource_method"
          | "org_resource"
          | "org_tool_method"
          | "org_tool"
          | "org_method"
          | "org_tag"
          | "tool_default"
          | "category_default"
          | "tool_approved"
          | "fail_safe"
          | "gate_draft"
          | "guard_path_traversal"
          | "guard_injection"
          | "guard_secrets"
          | "guard_topics"
          | "guard_command"
          | "guard_sql"
          | "mandate_not_found"
          | "mandate_revoked"
          | "mandate_superseded"
          | "mandate_expired"
          | "mandate_agent"
          | "mandate_scope"
          | "mandate_resource"
          | "mandate_condition"
          | "mandate_user"
          | "mandate_members"
          | "mandate_rate"
          | "mandate_budget";
        readonly rule_id: string | null;
        readonly decision_id: string;
        readonly mandate_id: string | null;
        /** @description What was said to be its cost at most */
        readonly estimated_cost_micros: number | null;
        /** Format: date-time */
        readonly created_at: string;
        /** Format: date-time */
        readonly expires_at: string;
        readonly decided_at: string | null;
        readonly use_before: string | null;
        readonly decisions: readonly {
          readonly level: number;
          /** @enum {string} */
          readonly decision: "approve" | "deny";
          /** @description The member, by id */
          readonly decided_by: string;
          /** @description The approver key that spoke for the member */
          readonly asserted_by: string | null;
          /** Format: date-time */
          readonly decided_at: string;
          /** @description For the requester and approver keys */
          readonly note: string | null;
          /** @description Why it was denied, in one word */
          readonly quick_reason:
            | (
              | "wrong_target"
              | "wrong_amount"
              | "not_now"
              | "needs_discussion"
              | "suspicious"
              | "other"
            )
            | null;
        }[];
        readonly token_id: string | null;
        readonly ended_because:
          | (
            | "withdrawn"
            | "tool_changed"
            | "rotated"
            | "levels_raised"
            | "facts_required"
            | "decider_barred"
            | "mandate_ended"
            | "lapsed"
          )
          | null;
        readonly review_url: string;
        readonly warning: "no_eligible_approver" | null;
        /** @description For approver keys that ask for one request */
        readonly review?: {
          /** @description What `view_digest` is the digest of, in RFC 8785 form */
          readonly view: {
            readonly [key: string]: JsonValue;
          } | null;
          readonly asked_again: readonly {
            /** Format: date-time */
            readonly at: string;
            readonly reason: string;
            readonly context: {
              readonly [key: string]: JsonValue;
            } | null;
            readonly reference_id: string | null;
          }[];
          /** @description How often this requester asked for this action */
          readonly asked_times: number;
          readonly denied_times: number;
        };
      }[];
      /** @description Null on the last page */
      readonly next_cursor: string | null;
    };
    readonly GetBudgetsAnswer: {
      readonly data: readonly {
        readonly limit: number;
        /** @description What was spent in this window, as far as is known */
        readonly settled: number;
        /** @description What run tokens that are not spent yet may still cost */
        readonly reserved: number;
        readonly available: number;
        /** @description How far what was spent lies above the limit */
        readonly overrun: number;
        /** @description Null for a budget for ever */
        readonly window_ends_at: string | null;
        readonly scope: string;
        readonly period: string;
        readonly ask_above_micros: number | null;
      }[];
      /** @description Null on the last page */
      readonly next_cursor: string | null;
    };
    readonly GetConfirmationsByIdAnswer: {
      readonly id: string;
      readonly mandate_id: string;
      readonly approval_id: string;
      /** @enum {string} */
      readonly status: "pending" | "approved" | "denied" | "expired" | "cancelled";
      /** Format: date-time */
      readonly expires_at: string;
      readonly resolved_at: string | null;
    };
    readonly GetMandatesAnswer: {
      readonly data: readonly {
        readonly id: string;
        /** @enum {string} */
        readonly state: "active" | "revoked" | "superseded" | "expired";
        readonly user_id: string;
        readonly tenant_id: string | null;
        readonly agent: string;
        /** @description Null where the mandate says itself what it allows */
        readonly bundle: {
          readonly id: string;
          readonly edition: number;
          readonly digest: string;
        } | null;
        /** @description Names of its scopes */
        readonly scopes: readonly string[];
        readonly granted_by: {
          readonly type: string;
          readonly id: string;
        };
        /** Format: date-time */
        readonly created_at: string;
        /** Format: date-time */
        readonly expires_at: string;
        /** @description When it was revoked or replaced */
        readonly ended_at: string | null;
        /** @description The mandate that it is a part of */
        readonly parent: string | null;
        /** @description 1, and one more for each that it is a part of */
        readonly depth: number;
        readonly replaces: string | null;
        readonly replaced_by: string | null;
        readonly metadata: {
          readonly [key: string]: unknown;
        };
        readonly budget: {
          readonly limit: number;
          /** @description What was spent in this window, as far as is known */
          readonly settled: number;
          /** @description What run tokens that are not spent yet may still cost */
          readonly reserved: number;
          readonly available: number;
          /** @description How far what was spent lies above the limit */
          readonly overrun: number;
          /** @description Null for a budget for ever */
          readonly window_ends_at: string | null;
          /** @enum {string} */
          readonly period: "total" | "day" | "week" | "month";
          readonly ask_above_micros: number | null;
          readonly min_estimate_micros: number;
          /** @enum {string} */
          readonly on_silence: "spent" | "release";
        } | null;
        /** @description How often it allows something in all; null for any number */
        readonly uses: number | null;
        readonly uses_left: number | null;
        /** @description How often something was asked under it */
        readonly checks: number;
        /** @description How many entries of the log are about it, numbered without a gap */
        readonly seq: number;
      }[];
      /** @description Null on the last page */
      readonly next_cursor: string | null;
    };
    readonly GetReceiptsByIdAnswer: {
      /**
       * @description A verifier takes no version that is newer than itself
       * @constant
       */
      readonly v: 1;
      readonly entry: {
        /** @constant */
        readonly v: 1;
        readonly org: string;
        readonly index: number;
        readonly id: string;
        /** Format: date-time */
        readonly at: string;
        /** @description `noun.verb` */
        readonly type: string;
        /** @description Who did it: `type` and `id`, and the `sub_token` that they acted through, where they did */
        readonly actor: {
          readonly [key: string]: JsonValue;
        };
        /** @description What it was done to */
        readonly subject: {
          readonly [key: string]: JsonValue;
        };
        readonly data: {
          readonly [key: string]: JsonValue;
        };
      };
      /** @description hex(SHA-256(0x00 || JCS(entry))) */
      readonly leaf_hash: string;
      readonly index: number;
      /** @description Entries that the checkpoint covers */
      readonly size: number;
      /** @description RFC 9162 section 2.1.3.1 */
      readonly inclusion: readonly string[];
      /** @description C2SP signed note */
      readonly checkpoint: string;
      readonly key: {
        /** @constant */
        readonly kty: "OKP";
        /** @constant */
        readonly crv: "Ed25519";
        readonly x: string;
        /** @description RFC 7638 thumbprint */
        readonly kid: string;
        /** @constant */
        readonly use: "sig";
        /** @constant */
        readonly alg: "EdDSA";
        /** @description Name of the log, the first line of its checkpoints */
        readonly origin: string;
        /** @enum {string} */
        readonly status: "active" | "retired";
        /** @description Of a retired key: how many entries it may sign for; nothing beyond counts */
        readonly retired_size: number | null;
        /** @description When it handed over */
        readonly retired_at: string | null;
        /** @description `kid` of the one key that it handed over to */
        readonly successor: string | null;
      };
    } | {
      /** @constant */
      readonly status: "signed";
      readonly receipt:
        | {
          readonly protected: string;
          readonly payload: string;
          readonly signature: string;
        }
        | ({
          /** @constant */
          readonly schema_version: "4";
          readonly key_id: string;
          readonly signature: string;
        } & {
          readonly [key: string]: unknown;
        });
    };
    readonly PostApprovalsAnswer: {
      readonly id: string;
      readonly reference: string;
      /** @enum {string} */
      readonly status: "pending" | "approved" | "denied" | "expired" | "cancelled" | "revoked";
      /** @description 0 while the user of its mandate is asked */
      readonly level: number;
      /** @description How many of its seats are members' */
      readonly levels: number;
      /**
       * @description Where it stands; under a mandate only
       * @enum {string}
       */
      readonly seat?: "user" | "level_1" | "level_2";
      /** @description Who decides it, in order */
      readonly seats?: readonly ("user" | "level_1" | "level_2")[];
      /** @description The question to the user, where they are asked */
      readonly confirmation?: {
        readonly id: string;
        /** Format: date-time */
        readonly expires_at: string;
      };
      readonly levels_skipped: boolean;
      readonly tool_name: string;
      readonly tenant_id: string | null;
      readonly resource_id: string | null;
      readonly method: string | null;
      /** @description For the requester and approver keys, else null */
      readonly arguments: {
        readonly [key: string]: JsonValue;
      } | null;
      readonly action_digest: string;
      readonly view_digest: string;
      /** @description Without personal data and secrets */
      readonly reason: string;
      readonly reference_id: string | null;
      readonly requested_by: {
        /** @enum {string} */
        readonly type: "api_key" | "agent" | "oauth_grant";
        readonly id: string;
        readonly name: string;
        /** @description What they asked through; absent for their own */
        readonly sub_token_id?: string;
      };
      /** @enum {string} */
      readonly resolved_from:
        | "kill_switch"
        | "sub_token"
        | "gate_unknown_tool"
        | "gate_tool_disabled"
        | "gate_tier"
        | "gate_unknown_tenant"
        | "gate_incomplete"
        | "gate_method"
        | "gate_mandate"
        | "tenant_resource_tool_method"
        | "tenant_resource_tool"
        | "tenant_resource_method"
        | "tenant_resource"
        | "tenant_tool_method"
        | "tenant_tool"
        | "tenant_method"
        | "tenant_tag"
        | "org_resource_tool_method"
        | "org_resource_tool"
        | "org_resource_method"
        | "org_resource"
        | "org_tool_method"
        | "org_tool"
        | "org_method"
        | "org_tag"
        | "tool_default"
        | "category_default"
        | "tool_approved"
        | "fail_safe"
        | "gate_draft"
        | "guard_path_traversal"
        | "guard_injection"
        | "guard_secrets"
        | "guard_topics"
        | "guard_command"
        | "guard_sql"
        | "mandate_not_found"
        | "mandate_revoked"
        | "mandate_superseded"
        | "mandate_expired"
        | "mandate_agent"
        | "mandate_scope"
        | "mandate_resource"
        | "mandate_condition"
        | "mandate_user"
        | "mandate_members"
        | "mandate_rate"
        | "mandate_budget";
      readonly rule_id: string | null;
      readonly decision_id: string;
      readonly mandate_id: string | null;
      /** @description What was said to be its cost at most */
      readonly estimated_cost_micros: number | null;
      /** Format: date-time */
      readonly created_at: string;
      /** Format: date-time */
      readonly expires_at: string;
      readonly decided_at: string | null;
      readonly use_before: string | null;
      readonly decisions: readonly {
        readonly level: number;
        /** @enum {string} */
        readonly decision: "approve" | "deny";
        /** @description The member, by id */
        readonly decided_by: string;
        /** @description The approver key that spoke for the member */
        readonly asserted_by: string | null;
        /** Format: date-time */
        readonly decided_at: string;
        /** @description For the requester and approver keys */
        readonly note: string | null;
        /** @description Why it was denied, in one word */
        readonly quick_reason:
          | (
            | "wrong_target"
            | "wrong_amount"
            | "not_now"
            | "needs_discussion"
            | "suspicious"
            | "other"
          )
          | null;
      }[];
      readonly token_id: string | null;
      readonly ended_because:
        | (
          | "withdrawn"
          | "tool_changed"
          | "rotated"
          | "levels_raised"
          | "facts_required"
          | "decider_barred"
          | "mandate_ended"
          | "lapsed"
        )
        | null;
      readonly review_url: string;
      readonly warning: "no_eligible_approver" | null;
      /** @description For approver keys that ask for one request */
      readonly review?: {
        /** @description What `view_digest` is the digest of, in RFC 8785 form */
        readonly view: {
          readonly [key: string]: JsonValue;
        } | null;
        readonly asked_again: readonly {
          /** Format: date-time */
          readonly at: string;
          readonly reason: string;
          readonly context: {
            readonly [key: string]: JsonValue;
          } | null;
          readonly reference_id: string | null;
        }[];
        /** @description How often this requester asked for this action */
        readonly asked_times: number;
        readonly denied_times: number;
      };
      /** @description With it the question is seen and answered; for standard keys alone */
      readonly nonce?: string;
      /** @description Our page for the user, which has the nonce in it */
      readonly url?: string;
    };
    readonly PostApprovalsBody: {
      /** @description Name of the tool */
      readonly tool_name: string;
      readonly tenant_id?: string | null;
      readonly resource_id?: string | null;
      readonly method?: string | null;
      readonly arguments?: Record<string, unknown> | null;
      readonly mandate_id?: string | null;
      /** @description Whom the caller acts for: a mandate of somebody else counts as none */
      readonly user_id?: string | null;
      /** @description What it costs at most, in millionths of your currency; counts under a mandate */
      readonly estimated_cost_micros?: number | null;
      readonly context?: Record<string, unknown> | null;
      /** @description Shortens the tool's or the organization's timeout */
      readonly timeout_seconds?: number | null;
      /** @description Why the action is wanted */
      readonly reason: string;
      readonly reference_id?: string | null;
    };
    readonly PostBudgetsSettleAnswer: {
      readonly decision_id: string;
      readonly mandate_id: string;
      readonly estimated_cost_micros: number;
      readonly actual_cost_micros: number;
      readonly delta_micros: number;
      readonly audit: {
        readonly index: number;
        readonly leaf_hash: string;
      };
    };
    readonly PostBudgetsSettleBody: {
      /** @description The check that allowed it */
      readonly decision_id: string;
      readonly actual_cost_micros: number;
    };
    readonly PostCallsAnswer: {
      readonly call_id: string;
      /** @enum {string} */
      readonly status: "completed" | "pending" | "running" | "refused" | "returned" | "unknown";
      readonly tool_name: string;
      /** @enum {string} */
      readonly permission: "allowed" | "requires_approval" | "disabled";
      readonly resolved_from: string;
      readonly decision_id: string;
      readonly token_id: string | null;
      readonly execution_id: string | null;
      /** @description What it waits for */
      readonly approval?: {
        readonly id: string;
        readonly reference: string;
        /** @enum {string} */
        readonly status: "pending" | "approved" | "denied" | "expired" | "cancelled" | "revoked";
        /** @description 0 while the user of its mandate is asked */
        readonly level: number;
        /** @description How many of its seats are members' */
        readonly levels: number;
        /**
         * @description Where it stands; under a mandate only
         * @enum {string}
         */
        readonly seat?: "user" | "level_1" | "level_2";
        /** @description Who decides it, in order */
        readonly seats?: readonly ("user" | "level_1" | "level_2")[];
        /** @description The question to the user, where they are asked */
        readonly confirmation?: {
          readonly id: string;
          /** Format: date-time */
          readonly expires_at: string;
        };
        readonly levels_skipped: boolean;
        readonly tool_name: string;
        readonly tenant_id: string | null;
        readonly resource_id: string | null;
        readonly method: string | null;
        /** @description For the requester and approver keys, else null */
        readonly arguments: {
          readonly [key: string]: JsonValue;
        } | null;
        readonly action_digest: string;
        readonly view_digest: string;
        /** @description Without personal data and secrets */
        readonly reason: string;
        readonly reference_id: string | null;
        readonly requested_by: {
          /** @enum {string} */
          readonly type: "api_key" | "agent" | "oauth_grant";
          readonly id: string;
          readonly name: string;
          /** @description What they asked through; absent for their own */
          readonly sub_token_id?: string;
        };
        /** @enum {string} */
        readonly resolved_from:
          | "kill_switch"
          | "sub_token"
          | "gate_unknown_tool"
          | "gate_tool_disabled"
          | "gate_tier"
          | "gate_unknown_tenant"
          | "gate_incomplete"
          | "gate_method"
          | "gate_mandate"
          | "tenant_resource_tool_method"
          | "tenant_resource_tool"
          | "tenant_resource_method"
          | "tenant_resource"
          | "tenant_tool_method"
          | "tenant_tool"
          | "tenant_method"
          | "tenant_tag"
          | "org_resource_tool_method"
          | "org_resource_tool"
          | "org_resource_method"
          | "org_resource"
          | "org_tool_method"
          | "org_tool"
          | "org_method"
          | "org_tag"
          | "tool_default"
          | "category_default"
          | "tool_approved"
          | "fail_safe"
          | "gate_draft"
          | "guard_path_traversal"
          | "guard_injection"
          | "guard_secrets"
          | "guard_topics"
          | "guard_command"
          | "guard_sql"
          | "mandate_not_found"
          | "mandate_revoked"
          | "mandate_superseded"
          | "mandate_expired"
          | "mandate_agent"
          | "mandate_scope"
          | "mandate_resource"
          | "mandate_condition"
          | "mandate_user"
          | "mandate_members"
          | "mandate_rate"
          | "mandate_budget";
        readonly rule_id: string | null;
        readonly decision_id: string;
        readonly mandate_id: string | null;
        /** @description What was said to be its cost at most */
        readonly estimated_cost_micros: number | null;
        /** Format: date-time */
        readonly created_at: string;
        /** Format: date-time */
        readonly expires_at: string;
        readonly decided_at: string | null;
        readonly use_before: string | null;
        readonly decisions: readonly {
          readonly level: number;
          /** @enum {string} */
          readonly decision: "approve" | "deny";
          /** @description The member, by id */
          readonly decided_by: string;
          /** @description The approver key that spoke for the member */
          readonly asserted_by: string | null;
          /** Format: date-time */
          readonly decided_at: string;
          /** @description For the requester and approver keys */
          readonly note: string | null;
          /** @description Why it was denied, in one word */
          readonly quick_reason:
            | (
              | "wrong_target"
              | "wrong_amount"
              | "not_now"
              | "needs_discussion"
              | "suspicious"
              | "other"
            )
            | null;
        }[];
        readonly token_id: string | null;
        readonly ended_because:
          | (
            | "withdrawn"
            | "tool_changed"
            | "rotated"
            | "levels_raised"
            | "facts_required"
            | "decider_barred"
            | "mandate_ended"
            | "lapsed"
          )
          | null;
        readonly review_url: string;
        readonly warning: "no_eligible_approver" | null;
        /** @description For approver keys that ask for one request */
        readonly review?: {
          /** @description What `view_digest` is the digest of, in RFC 8785 form */
          readonly view: {
            readonly [key: string]: JsonValue;
          } | null;
          readonly asked_again: readonly {
            /** Format: date-time */
            readonly at: string;
            readonly reason: string;
            readonly context: {
              readonly [key: string]: JsonValue;
            } | null;
            readonly reference_id: string | null;
          }[];
          /** @description How often this requester asked for this action */
          readonly asked_times: number;
          readonly denied_times: number;
        };
      };
      /** @description As the upstream sent it, but for what `redactions` counts; null where it is withheld */
      readonly result?: {
        readonly content: readonly {
          readonly [key: string]: unknown;
        }[];
        readonly structured_content?: unknown;
        readonly is_error: boolean;
      } | null;
      /** @description The guard because of which the result of a run that happened is told to nobody */
      readonly withheld?: {
        readonly guard: string;
        readonly kind: string;
      };
      /**
       * @description There was a result, and it is not kept any more
       * @constant
       */
      readonly result_gone?: true;
      /** @description The code of what was told in place of a result */
      readonly refusal?: string;
      /** @description What was replaced in the result, by kind */
      readonly redactions: readonly {
        readonly kind: string;
        readonly count: number;
      }[];
      /** @description What guards found in the arguments and in the result: never the text */
      readonly findings: readonly {
        readonly guard: string;
        readonly kind: string;
        readonly pointer?: string;
        readonly count: number;
      }[];
    };
    readonly PostCallsBody: {
      /** @description Name of the tool */
      readonly tool_name: string;
      readonly tenant_id?: string | null;
      readonly resource_id?: string | null;
      readonly method?: string | null;
      readonly arguments?: Record<string, unknown> | null;
      readonly mandate_id?: string | null;
      /** @description Whom the caller acts for: a mandate of somebody else counts as none */
      readonly user_id?: string | null;
      /** @description What it costs at most, in millionths of your currency; counts under a mandate */
      readonly estimated_cost_micros?: number | null;
      readonly reason?: string | null;
      /**
       * @description Seconds to hold the answer while people decide, or the call runs
       * @default 0
       */
      readonly wait?: number;
      /** @description Names this call for its caller: asked again under it, it is never sent again */
      readonly call_key?: string | null;
    };
    readonly PostConfirmationsByNonceAnswer: {
      readonly id: string;
      /** @enum {string} */
      readonly decision: "approve" | "deny";
      /** Format: date-time */
      readonly resolved_at: string;
    };
    readonly PostConfirmationsByNonceBody: {
      /** @enum {string} */
      readonly decision: "approve" | "deny";
      /** @description What was signed, with the `view_digest` that whoever showed the question took */
      readonly statement?: {
        readonly [key: string]: JsonValue;
      };
      /** @description What `navigator.credentials.get` gave; its challenge is the digest of the statement */
      readonly assertion?: {
        readonly id: string;
        readonly rawId: string;
        /** @constant */
        readonly type: "public-key";
        readonly authenticatorAttachment?: string | null;
        readonly response: {
          readonly clientDataJSON: string;
          readonly authenticatorData: string;
          readonly signature: string;
          readonly userHandle?: string | null;
        };
      };
    };
    readonly PostConfirmationsByNonceStatementAnswer: {
      /** @description What the user signs, but for `view_digest` */
      readonly statement: {
        readonly [key: string]: JsonValue;
      };
      /** @description What is asked; its digest in RFC 8785 form is the `view_digest` */
      readonly view: {
        readonly [key: string]: JsonValue;
      };
      readonly asked_again: readonly {
        readonly [key: string]: JsonValue;
      }[];
      /**
       * @description Whether their passkey has to say yes
       * @enum {string}
       */
      readonly confirm_by: "app" | "passkey";
      /** @description The passkeys of the user that can answer */
      readonly passkeys: readonly {
        readonly credential_id: string;
        readonly rp_id: string;
      }[];
    };
    readonly PostExecutionsLogAnswer: {
      readonly execution_id: string;
      readonly token_id: string | null;
      /** @description Whether a run token attests that the run was authorized */
      readonly attested: boolean;
      readonly binding: ("checked" | "unchecked") | null;
      /** @description Whether the run had counted as unknown before */
      readonly late: boolean;
      readonly audit: {
        readonly index: number;
        readonly leaf_hash: string;
      };
    };
    readonly PostExecutionsLogBody: {
      /** @description Name of the tool */
      readonly tool_name: string;
      readonly tenant_id?: string | null;
      readonly resource_id?: string | null;
      readonly method?: string | null;
      readonly arguments?: Record<string, unknown> | null;
      /** @description The run token that it ran under */
      readonly token?: string | null;
      /** @enum {string} */
      readonly execution_result: "success" | "failed" | "error" | "unknown";
      readonly duration_ms?: number | null;
      /** @description Cost in millionths of your currency */
      readonly cost_micros?: number | null;
      readonly output_digest?: string | null;
      /** @description What went wrong; kept in the private part of the log */
      readonly error?: string | null;
    };
    readonly PostMandatesAnswer: {
      readonly id: string;
      /** @enum {string} */
      readonly state: "active" | "revoked" | "superseded" | "expired";
      readonly user_id: string;
      readonly tenant_id: string | null;
      readonly agent: string;
      /** @description Null where the mandate says itself what it allows */
      readonly bundle: {
        readonly id: string;
        readonly edition: number;
        readonly digest: string;
      } | null;
      /** @description Names of its scopes */
      readonly scopes: readonly string[];
      readonly granted_by: {
        readonly type: string;
        readonly id: string;
      };
      /** Format: date-time */
      readonly created_at: string;
      /** Format: date-time */
      readonly expires_at: string;
      /** @description When it was revoked or replaced */
      readonly ended_at: string | null;
      /** @description The mandate that it is a part of */
      readonly parent: string | null;
      /** @description 1, and one more for each that it is a part of */
      readonly depth: number;
      readonly replaces: string | null;
      readonly replaced_by: string | null;
      readonly metadata: {
        readonly [key: string]: unknown;
      };
      readonly budget: {
        readonly limit: number;
        /** @description What was spent in this window, as far as is known */
        readonly settled: number;
        /** @description What run tokens that are not spent yet may still cost */
        readonly reserved: number;
        readonly available: number;
        /** @description How far what was spent lies above the limit */
        readonly overrun: number;
        /** @description Null for a budget for ever */
        readonly window_ends_at: string | null;
        /** @enum {string} */
        readonly period: "total" | "day" | "week" | "month";
        readonly ask_above_micros: number | null;
        readonly min_estimate_micros: number;
        /** @enum {string} */
        readonly on_silence: "spent" | "release";
      } | null;
      /** @description How often it allows something in all; null for any number */
      readonly uses: number | null;
      readonly uses_left: number | null;
      /** @description How often something was asked under it */
      readonly checks: number;
      /** @description How many entries of the log are about it, numbered without a gap */
      readonly seq: number;
      /** @description The mandate that ended by this one */
      readonly replaced?: string;
      readonly audit: {
        readonly index: number;
        readonly leaf_hash: string;
      };
    };
    readonly PostMandatesBody:
      | ({
        /** @description External id of the user */
        readonly user_id: string;
        readonly tenant_id?: string | null;
        /** @description At most 10 years away */
        readonly expires_at?: string | null;
        /** @description The mandate whose place it takes, which ends by it */
        readonly replaces?: string | null;
        readonly metadata?: Record<string, unknown> | null;
        /** @description What it may cost in all */
        readonly budget?: {
          /** @description Most that may be spent in a period */
          readonly limit_micros: number;
          /**
           * @description Days, weeks from Monday, and months, in UTC; or for ever
           * @enum {string}
           */
          readonly period: "total" | "day" | "week" | "month";
          /** @description Above it a human is asked, up to the limit */
          readonly ask_above_micros?: number | null;
          /** @description A lower estimate counts as this */
          readonly min_estimate_micros?: number | null;
          /** @description What becomes of what a check without a run token reserved and nobody settles: it is spent, or is given back after an hour, whatever was done; usually `spent` */
          readonly on_silence?: ("spent" | "release") | null;
        } | null;
        /** @description How often it allows something in all, whatever it costs */
        readonly uses?: number | null;
        readonly bundle: {
          /** @description What the bundle is called */
          readonly id: string;
          /** @description The newest where it is left out */
          readonly edition?: number | null;
        };
        /** @description Names of scopes of the bundle: a tool, or `tag:` and a tag; all where left out */
        readonly scopes?: readonly string[] | null;
      } | {
        /** @description External id of the user */
        readonly user_id: string;
        readonly tenant_id?: string | null;
        /** @description At most 10 years away */
        readonly expires_at?: string | null;
        /** @description The mandate whose place it takes, which ends by it */
        readonly replaces?: string | null;
        readonly metadata?: Record<string, unknown> | null;
        /** @description What it may cost in all */
        readonly budget?: {
          /** @description Most that may be spent in a period */
          readonly limit_micros: number;
          /**
           * @description Days, weeks from Monday, and months, in UTC; or for ever
           * @enum {string}
           */
          readonly period: "total" | "day" | "week" | "month";
          /** @description Above it a human is asked, up to the limit */
          readonly ask_above_micros?: number | null;
          /** @description A lower estimate counts as this */
          readonly min_estimate_micros?: number | null;
          /** @description What becomes of what a check without a run token reserved and nobody settles: it is spent, or is given back after an hour, whatever was done; usually `spent` */
          readonly on_silence?: ("spent" | "release") | null;
        } | null;
        /** @description How often it allows something in all, whatever it costs */
        readonly uses?: number | null;
        /** @description An agent by its id, or a label that whoever asks stands for */
        readonly agent: string;
        readonly scopes: readonly ({
          /** @description Name of the tool */
          readonly tool: string;
          /** @enum {string} */
          readonly decision: "allow" | "confirm" | "escalate" | "deny";
          /** @description Patterns of resource ids; `*` is any run of characters, nothing else is special */
          readonly resources?: readonly string[] | null;
          /** @description What tightens the decision, never loosens it */
          readonly conditions?:
            | readonly {
              /** @description Of which one has to hold; an absent field counts as if it did */
              readonly when: readonly {
                readonly field: string;
                /** @enum {string} */
                readonly op:
                  | "eq"
                  | "ne"
                  | "gt"
                  | "gte"
                  | "lt"
                  | "lte"
                  | "in"
                  | "not_in"
                  | "exists"
                  | "contains_any"
                  | "contains_none"
                  | "empty";
                readonly value:
                  | (string | number | boolean | null)
                  | readonly (string | number | boolean | null)[];
              }[];
              /** @enum {string} */
              readonly decision: "allow" | "confirm" | "escalate" | "deny";
            }[]
            | null;
          /** @description What its tools may cost together */
          readonly budget?: {
            /** @description Most that may be spent in a period */
            readonly limit_micros: number;
            /**
             * @description Days, weeks from Monday, and months, in UTC; or for ever
             * @enum {string}
             */
            readonly period: "total" | "day" | "week" | "month";
            /** @description Above it a human is asked, up to the limit */
            readonly ask_above_micros?: number | null;
            /** @description A lower estimate counts as this */
            readonly min_estimate_micros?: number | null;
            /** @description What becomes of what a check without a run token reserved and nobody settles: it is spent, or is given back after an hour, whatever was done; usually `spent` */
            readonly on_silence?: ("spent" | "release") | null;
          } | null;
          /** @description How often it allows something */
          readonly limits?: {
            readonly max_per_minute?: number;
            readonly max_per_hour?: number;
            readonly max_per_day?: number;
          } | null;
          /** @description Who may say yes for the user; the stricter of this and the organization's counts */
          readonly confirm_by?: ("app" | "passkey") | null;
        } | {
          /** @description A tag of tools */
          readonly tag: string;
          /** @enum {string} */
          readonly decision: "allow" | "confirm" | "escalate" | "deny";
          /** @description Patterns of resource ids; `*` is any run of characters, nothing else is special */
          readonly resources?: readonly string[] | null;
          /** @description What tightens the decision, never loosens it */
          readonly conditions?:
            | readonly {
              /** @description Of which one has to hold; an absent field counts as if it did */
              readonly when: readonly {
                readonly field: string;
                /** @enum {string} */
                readonly op:
                  | "eq"
                  | "ne"
                  | "gt"
                  | "gte"
                  | "lt"
                  | "lte"
                  | "in"
                  | "not_in"
                  | "exists"
                  | "contains_any"
                  | "contains_none"
                  | "empty";
                readonly value:
                  | (string | number | boolean | null)
                  | readonly (string | number | boolean | null)[];
              }[];
              /** @enum {string} */
              readonly decision: "allow" | "confirm" | "escalate" | "deny";
            }[]
            | null;
          /** @description What its tools may cost together */
          readonly budget?: {
            /** @description Most that may be spent in a period */
            readonly limit_micros: number;
            /**
             * @description Days, weeks from Monday, and months, in UTC; or for ever
             * @enum {string}
             */
            readonly period: "total" | "day" | "week" | "month";
            /** @description Above it a human is asked, up to the limit */
            readonly ask_above_micros?: number | null;
            /** @description A lower estimate counts as this */
            readonly min_estimate_micros?: number | null;
            /** @description What becomes of what a check without a run token reserved and nobody settles: it is spent, or is given back after an hour, whatever was done; usually `spent` */
            readonly on_silence?: ("spent" | "release") | null;
          } | null;
          /** @description How often it allows something */
          readonly limits?: {
            readonly max_per_minute?: number;
            readonly max_per_hour?: number;
            readonly max_per_day?: number;
          } | null;
          /** @description Who may say yes for the user; the stricter of this and the organization's counts */
          readonly confirm_by?: ("app" | "passkey") | null;
        })[];
      })
      | {
        /** @description The mandate that it is a part of */
        readonly parent: string;
        readonly agent?: string | null;
        readonly scopes: readonly ({
          /** @description Name of the tool */
          readonly tool: string;
          /** @enum {string} */
          readonly decision: "allow" | "confirm" | "escalate" | "deny";
          /** @description Patterns of resource ids; `*` is any run of characters, nothing else is special */
          readonly resources?: readonly string[] | null;
          /** @description What tightens the decision, never loosens it */
          readonly conditions?:
            | readonly {
              /** @description Of which one has to hold; an absent field counts as if it did */
              readonly when: readonly {
                readonly field: string;
                /** @enum {string} */
                readonly op:
                  | "eq"
                  | "ne"
                  | "gt"
                  | "gte"
                  | "lt"
                  | "lte"
                  | "in"
                  | "not_in"
                  | "exists"
                  | "contains_any"
                  | "contains_none"
                  | "empty";
                readonly value:
                  | (string | number | boolean | null)
                  | readonly (string | number | boolean | null)[];
              }[];
              /** @enum {string} */
              readonly decision: "allow" | "confirm" | "escalate" | "deny";
            }[]
            | null;
          /** @description What its tools may cost together */
          readonly budget?: {
            /** @description Most that may be spent in a period */
            readonly limit_micros: number;
            /**
             * @description Days, weeks from Monday, and months, in UTC; or for ever
             * @enum {string}
             */
            readonly period: "total" | "day" | "week" | "month";
            /** @description Above it a human is asked, up to the limit */
            readonly ask_above_micros?: number | null;
            /** @description A lower estimate counts as this */
            readonly min_estimate_micros?: number | null;
            /** @description What becomes of what a check without a run token reserved and nobody settles: it is spent, or is given back after an hour, whatever was done; usually `spent` */
            readonly on_silence?: ("spent" | "release") | null;
          } | null;
          /** @description How often it allows something */
          readonly limits?: {
            readonly max_per_minute?: number;
            readonly max_per_hour?: number;
            readonly max_per_day?: number;
          } | null;
          /** @description Who may say yes for the user; the stricter of this and the organization's counts */
          readonly confirm_by?: ("app" | "passkey") | null;
        } | {
          /** @description A tag of tools */
          readonly tag: string;
          /** @enum {string} */
          readonly decision: "allow" | "confirm" | "escalate" | "deny";
          /** @description Patterns of resource ids; `*` is any run of characters, nothing else is special */
          readonly resources?: readonly string[] | null;
          /** @description What tightens the decision, never loosens it */
          readonly conditions?:
            | readonly {
              /** @description Of which one has to hold; an absent field counts as if it did */
              readonly when: readonly {
                readonly field: string;
                /** @enum {string} */
                readonly op:
                  | "eq"
                  | "ne"
                  | "gt"
                  | "gte"
                  | "lt"
                  | "lte"
                  | "in"
                  | "not_in"
                  | "exists"
                  | "contains_any"
                  | "contains_none"
                  | "empty";
                readonly value:
                  | (string | number | boolean | null)
                  | readonly (string | number | boolean | null)[];
              }[];
              /** @enum {string} */
              readonly decision: "allow" | "confirm" | "escalate" | "deny";
            }[]
            | null;
          /** @description What its tools may cost together */
          readonly budget?: {
            /** @description Most that may be spent in a period */
            readonly limit_micros: number;
            /**
             * @description Days, weeks from Monday, and months, in UTC; or for ever
             * @enum {string}
             */
            readonly period: "total" | "day" | "week" | "month";
            /** @description Above it a human is asked, up to the limit */
            readonly ask_above_micros?: number | null;
            /** @description A lower estimate counts as this */
            readonly min_estimate_micros?: number | null;
            /** @description What becomes of what a check without a run token reserved and nobody settles: it is spent, or is given back after an hour, whatever was done; usually `spent` */
            readonly on_silence?: ("spent" | "release") | null;
          } | null;
          /** @description How often it allows something */
          readonly limits?: {
            readonly max_per_minute?: number;
            readonly max_per_hour?: number;
            readonly max_per_day?: number;
          } | null;
          /** @description Who may say yes for the user; the stricter of this and the organization's counts */
          readonly confirm_by?: ("app" | "passkey") | null;
        })[];
        /** @description Only that of the parent */
        readonly user_id?: string | null;
        readonly tenant_id?: string | null;
        /** @description At most 10 years away */
        readonly expires_at?: string | null;
        readonly metadata?: Record<string, unknown> | null;
        /** @description What it may cost in all, of what the parent may */
        readonly budget?: {
          /** @description Most that may be spent in a period */
          readonly limit_micros: number;
          /**
           * @description Days, weeks from Monday, and months, in UTC; or for ever
           * @enum {string}
           */
          readonly period: "total" | "day" | "week" | "month";
          /** @description Above it a human is asked, up to the limit */
          readonly ask_above_micros?: number | null;
          /** @description A lower estimate counts as this */
          readonly min_estimate_micros?: number | null;
          /** @description What becomes of what a check without a run token reserved and nobody settles: it is spent, or is given back after an hour, whatever was done; usually `spent` */
          readonly on_silence?: ("spent" | "release") | null;
        } | null;
        /** @description How often it allows something in all, whatever it costs */
        readonly uses?: number | null;
      };
    readonly PostMandatesByIdRevokeBody: {
      /** @description Who wants it ended, such as `user` */
      readonly by: string;
      /** @description Why; scrubbed before it is kept */
      readonly note?: string | null;
      /** @description What the user signed, where no key is presented */
      readonly statement?: {
        /** @constant */
        readonly v: 1;
        /** @constant */
        readonly type: "countersign.mandate-revocation";
        readonly issuer: string;
        readonly org: string;
        readonly mandate: string;
        readonly user: string;
        readonly issued_at: string;
      };
      /** @description By a passkey of the user; its challenge is the digest of the statement */
      readonly assertion?: {
        readonly id: string;
        readonly rawId: string;
        /** @constant */
        readonly type: "public-key";
        readonly authenticatorAttachment?: string | null;
        readonly response: {
          readonly clientDataJSON: string;
          readonly authenticatorData: string;
          readonly signature: string;
          readonly userHandle?: string | null;
        };
      };
    };
    readonly PostPermissionsCheckAnswer: {
      readonly decision_id: string;
      /** @enum {string} */
      readonly permission: "allowed" | "requires_approval" | "disabled";
      /** @enum {string} */
      readonly resolved_from:
        | "kill_switch"
        | "sub_token"
        | "gate_unknown_tool"
        | "gate_tool_disabled"
        | "gate_tier"
        | "gate_unknown_tenant"
        | "gate_incomplete"
        | "gate_method"
        | "gate_mandate"
        | "tenant_resource_tool_method"
        | "tenant_resource_tool"
        | "tenant_resource_method"
        | "tenant_resource"
        | "tenant_tool_method"
        | "tenant_tool"
        | "tenant_method"
        | "tenant_tag"
        | "org_resource_tool_method"
        | "org_resource_tool"
        | "org_resource_method"
        | "org_resource"
        | "org_tool_method"
        | "org_tool"
        | "org_method"
        | "org_tag"
        | "tool_default"
        | "category_default"
        | "tool_approved"
        | "fail_safe"
        | "gate_draft"
        | "guard_path_traversal"
        | "guard_injection"
        | "guard_secrets"
        | "guard_topics"
        | "guard_command"
        | "guard_sql"
        | "mandate_not_found"
        | "mandate_revoked"
        | "mandate_superseded"
        | "mandate_expired"
        | "mandate_agent"
        | "mandate_scope"
        | "mandate_resource"
        | "mandate_condition"
        | "mandate_user"
        | "mandate_members"
        | "mandate_rate"
        | "mandate_budget";
      readonly rule_id: string | null;
      readonly policy_version: number;
      readonly action_digest: string;
      /** @description The mandate that it was asked under */
      readonly mandate?: {
        readonly id: string;
        /** @description The number of this decision among the entries about the mandate */
        readonly seq: number;
        /** @description Whether whoever asks granted the mandate themselves */
        readonly self_granted: boolean;
        /** @description How often it may still allow something, where that is limited */
        readonly uses_left?: number;
      };
      /** @description What is left of the mandate's own budget, with this decision */
      readonly budget?: {
        readonly limit: number;
        /** @description What was spent in this window, as far as is known */
        readonly settled: number;
        /** @description What run tokens that are not spent yet may still cost */
        readonly reserved: number;
        readonly available: number;
        /** @description How far what was spent lies above the limit */
        readonly overrun: number;
        /** @description Null for a budget for ever */
        readonly window_ends_at: string | null;
      };
      /** @description What the policy alone says, where a mandate is named */
      readonly chain?: {
        /** @enum {string} */
        readonly permission: "allowed" | "requires_approval" | "disabled";
        /** @enum {string} */
        readonly resolved_from:
          | "kill_switch"
          | "sub_token"
          | "gate_unknown_tool"
          | "gate_tool_disabled"
          | "gate_tier"
          | "gate_unknown_tenant"
          | "gate_incomplete"
          | "gate_method"
          | "gate_mandate"
          | "tenant_resource_tool_method"
          | "tenant_resource_tool"
          | "tenant_resource_method"
          | "tenant_resource"
          | "tenant_tool_method"
          | "tenant_tool"
          | "tenant_method"
          | "tenant_tag"
          | "org_resource_tool_method"
          | "org_resource_tool"
          | "org_resource_method"
          | "org_resource"
          | "org_tool_method"
          | "org_tool"
          | "org_method"
          | "org_tag"
          | "tool_default"
          | "category_default"
          | "tool_approved"
          | "fail_safe"
          | "gate_draft"
          | "guard_path_traversal"
          | "guard_injection"
          | "guard_secrets"
          | "guard_topics"
          | "guard_command"
          | "guard_sql"
          | "mandate_not_found"
          | "mandate_revoked"
          | "mandate_superseded"
          | "mandate_expired"
          | "mandate_agent"
          | "mandate_scope"
          | "mandate_resource"
          | "mandate_condition"
          | "mandate_user"
          | "mandate_members"
          | "mandate_rate"
          | "mandate_budget";
        readonly rule_id: string | null;
      };
      /** @description Who has to approve it, in order; under a mandate */
      readonly seats?: readonly ("user" | "level_1" | "level_2")[];
      readonly tool: {
        readonly id: string;
        readonly name: string;
        /** @enum {string} */
        readonly status: "draft" | "approved" | "disabled" | "archived";
      } | null;
      /** Format: date-time */
      readonly decided_at: string;
      readonly audit: {
        readonly index: number;
        readonly leaf_hash: string;
      };
      /** @description What guards found in the arguments: kind and place, never the text */
      readonly findings?: readonly {
        readonly guard: string;
        readonly kind: string;
        readonly pointer?: string;
        readonly count: number;
      }[];
      /** @description What the caller can do now; empty where nothing helps */
      readonly next: {
        /** @description Where to take the token */
        readonly mint?: string;
        /** @description Of your approved request, to mint with */
        readonly approval_id?: string;
        /** @description Where to ask for an approval */
        readonly request_approval?: string;
        /** @description Where to wait for the decision of your request */
        readonly wait?: string;
        /** @description Your request was denied: until it may be asked again */
        readonly retry_after_seconds?: number;
      };
      readonly trace?: readonly {
        readonly level: string;
        readonly key: string;
        /** @enum {string} */
        readonly outcome: "no_rule" | "skipped" | "matched";
        readonly rule_id?: string;
      }[];
      /** @description Of the rule that decided; with `explain` */
      readonly warnings?: readonly {
        /** @enum {string} */
        readonly code: "rests_on_optional_fact";
        /** @enum {string} */
        readonly fact: "tenant" | "resource" | "method";
        /** @description The tool that the rule names and that does not require the fact; null: some tool */
        readonly tool_name: string | null;
      }[];
      /** @description Shown once */
      readonly token?: string;
      readonly token_id?: string;
      /** Format: date-time */
      readonly expires_at?: string;
      readonly approval?: {
        readonly id: string;
        readonly reference: string;
        /** @enum {string} */
        readonly status: "pending" | "approved" | "denied" | "expired" | "cancelled" | "revoked";
        /** @description 0 while the user of its mandate is asked */
        readonly level: number;
        /** @description How many of its seats are members' */
        readonly levels: number;
        /**
         * @description Where it stands; under a mandate only
         * @enum {string}
         */
        readonly seat?: "user" | "level_1" | "level_2";
        /** @description Who decides it, in order */
        readonly seats?: readonly ("user" | "level_1" | "level_2")[];
        /** @description The question to the user, where they are asked */
        readonly confirmation?: {
          readonly id: string;
          /** Format: date-time */
          readonly expires_at: string;
        };
        readonly levels_skipped: boolean;
        readonly tool_name: string;
        readonly tenant_id: string | null;
        readonly resource_id: string | null;
        readonly method: string | null;
        /** @description For the requester and approver keys, else null */
        readonly arguments: {
          readonly [key: string]: JsonValue;
        } | null;
        readonly action_digest: string;
        readonly view_digest: string;
        /** @description Without personal data and secrets */
        readonly reason: string;
        readonly reference_id: string | null;
        readonly requested_by: {
          /** @enum {string} */
          readonly type: "api_key" | "agent" | "oauth_grant";
          readonly id: string;
          readonly name: string;
          /** @description What they asked through; absent for their own */
          readonly sub_token_id?: string;
        };
        /** @enum {string} */
        readonly resolved_from:
          | "kill_switch"
          | "sub_token"
          | "gate_unknown_tool"
          | "gate_tool_disabled"
          | "gate_tier"
          | "gate_unknown_tenant"
          | "gate_incomplete"
          | "gate_method"
          | "gate_mandate"
          | "tenant_resource_tool_method"
          | "tenant_resource_tool"
          | "tenant_resource_method"
          | "tenant_resource"
          | "tenant_tool_method"
          | "tenant_tool"
          | "tenant_method"
          | "tenant_tag"
          | "org_resource_tool_method"
          | "org_resource_tool"
          | "org_resource_method"
          | "org_resource"
          | "org_tool_method"
          | "org_tool"
          | "org_method"
          | "org_tag"
          | "tool_default"
          | "category_default"
          | "tool_approved"
          | "fail_safe"
          | "gate_draft"
          | "guard_path_traversal"
          | "guard_injection"
          | "guard_secrets"
          | "guard_topics"
          | "guard_command"
          | "guard_sql"
          | "mandate_not_found"
          | "mandate_revoked"
          | "mandate_superseded"
          | "mandate_expired"
          | "mandate_agent"
          | "mandate_scope"
          | "mandate_resource"
          | "mandate_condition"
          | "mandate_user"
          | "mandate_members"
          | "mandate_rate"
          | "mandate_budget";
        readonly rule_id: string | null;
        readonly decision_id: string;
        readonly mandate_id: string | null;
        /** @description What was said to be its cost at most */
        readonly estimated_cost_micros: number | null;
        /** Format: date-time */
        readonly created_at: string;
        /** Format: date-time */
        readonly expires_at: string;
        readonly decided_at: string | null;
        readonly use_before: string | null;
        readonly decisions: readonly {
          readonly level: number;
          /** @enum {string} */
          readonly decision: "approve" | "deny";
          /** @description The member, by id */
          readonly decided_by: string;
          /** @description The approver key that spoke for the member */
          readonly asserted_by: string | null;
          /** Format: date-time */
          readonly decided_at: string;
          /** @description For the requester and approver keys */
          readonly note: string | null;
          /** @description Why it was denied, in one word */
          readonly quick_reason:
            | (
              | "wrong_target"
              | "wrong_amount"
              | "not_now"
              | "needs_discussion"
              | "suspicious"
              | "other"
            )
            | null;
        }[];
        readonly token_id: string | null;
        readonly ended_because:
          | (
            | "withdrawn"
            | "tool_changed"
            | "rotated"
            | "levels_raised"
            | "facts_required"
            | "decider_barred"
            | "mandate_ended"
            | "lapsed"
          )
          | null;
        readonly review_url: string;
        readonly warning: "no_eligible_approver" | null;
        /** @description For approver keys that ask for one request */
        readonly review?: {
          /** @description What `view_digest` is the digest of, in RFC 8785 form */
          readonly view: {
            readonly [key: string]: JsonValue;
          } | null;
          readonly asked_again: readonly {
            /** Format: date-time */
            readonly at: string;
            readonly reason: string;
            readonly context: {
              readonly [key: string]: JsonValue;
            } | null;
            readonly reference_id: string | null;
          }[];
          /** @description How often this requester asked for this action */
          readonly asked_times: number;
          readonly denied_times: number;
        };
      };
      /** @description The question to the user of the mandate, where they are asked */
      readonly confirmation?: {
        readonly id: string;
        /** Format: date-time */
        readonly expires_at: string;
      };
      /** @description With it the question is seen and answered; for standard keys alone */
      readonly nonce?: string;
      /** @description Our page for the user, which has the nonce in it */
      readonly url?: string;
    };
    readonly PostPermissionsCheckBody: {
      /** @description Name of the tool */
      readonly tool_name: string;
      readonly tenant_id?: string | null;
      readonly resource_id?: string | null;
      readonly method?: string | null;
      readonly arguments?: Record<string, unknown> | null;
      readonly mandate_id?: string | null;
      /** @description Whom the caller acts for: a mandate of somebody else counts as none */
      readonly user_id?: string | null;
      /** @description What it costs at most, in millionths of your currency; counts under a mandate */
      readonly estimated_cost_micros?: number | null;
      readonly reason?: string | null;
      readonly reference_id?: string | null;
      readonly session_id?: string | null;
      /**
       * @description Whether to answer with the trace
       * @default false
       */
      readonly explain?: boolean;
      readonly context?: Record<string, unknown> | null;
      /** @description Shortens the tool's or the organization's timeout */
      readonly timeout_seconds?: number | null;
      /**
       * @description Whether to mint the token when it is allowed
       * @default false
       */
      readonly mint?: boolean;
      /**
       * @description Whether to ask when an approval is required
       * @default false
       */
      readonly request?: boolean;
      /**
       * @description Seconds to hold for the decision and then mint; with `mint` and `request`. Better 50 at most: many proxies give up after 60
       * @default 0
       */
      readonly wait?: number;
    };
    readonly PostTokensConsumeAnswer: {
      readonly token_id: string;
      /** Format: date-time */
      readonly consumed_at: string;
      readonly claims: {
        /** @constant */
        readonly v: 1;
        readonly token_id: string;
        readonly org: string;
        readonly action_digest: string;
        readonly tool: string;
        readonly tenant: string | null;
        readonly resource: string | null;
        readonly method: string | null;
        readonly decision_id: string;
        readonly approval_id: string | null;
        /** @description Absent where it was minted under none */
        readonly mandate_id?: string;
        readonly policy_version: number;
        readonly issued_at: string;
        readonly expires_at: string;
        readonly key_id: string;
      };
    };
    readonly PostTokensConsumeBody: {
      /** @description The text of a run token */
      readonly token: string;
      /** @description Name of the tool */
      readonly tool_name: string;
      readonly tenant_id?: string | null;
      readonly resource_id?: string | null;
      readonly method?: string | null;
      readonly arguments?: Record<string, unknown> | null;
    };
    readonly PostTokensMintAnswer: {
      /** @description Shown once */
      readonly token: string;
      readonly token_id: string;
      readonly action_digest: string;
      /** Format: date-time */
      readonly expires_at: string;
      readonly decision_id: string;
      readonly approval_id: string | null;
      readonly mandate_id: string | null;
    };
    readonly PostTokensMintBody: {
      /** @description Name of the tool */
      readonly tool_name: string;
      readonly tenant_id?: string | null;
      readonly resource_id?: string | null;
      readonly method?: string | null;
      readonly arguments?: Record<string, unknown> | null;
      readonly mandate_id?: string | null;
      /** @description Whom the caller acts for: a mandate of somebody else counts as none */
      readonly user_id?: string | null;
      /** @description What it costs at most, in millionths of your currency; counts under a mandate */
      readonly estimated_cost_micros?: number | null;
      /** @description The approval to use, by id */
      readonly approval_id?: string | null;
      /** @description The check of this action whose reservation against budgets the token takes over; what the check allowed stays spent where the token is never used */
      readonly decision_id?: string | null;
      /**
       * @description Seconds until the token expires
       * @default 300
       */
      readonly ttl_seconds?: number;
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
