import type { Command } from "./command.ts";

/** A command that is loaded once it is called. */
export interface Named {
  readonly about: string;
  readonly load: () => Promise<Omit<Command, "about">>;
}

/** Commands of one noun. */
export interface Group {
  readonly about: string;
  readonly commands: Readonly<Record<string, Named | Group>>;
}

/** Every command there is, by its word. */
export const COMMANDS: Readonly<Record<string, Named | Group>> = {
  login: {
    about: "Has a person let this computer in, and keeps the key that it gets",
    load: async () => (await import("./login.ts")).login,
  },
  logout: {
    about: "Forgets the key of this computer, and ends what login gave",
    load: async () => (await import("./login.ts")).logout,
  },
  status: {
    about: "Where Countersign is, and whether it takes this computer's key",
    load: async () => (await import("./status.ts")).status,
  },
  init: {
    about: "Connects the hosts of this computer, once you have seen how",
    load: async () => (await import("./connecting.ts")).initCommand,
  },
  connect: {
    about: "Connects one host, once you have seen how",
    load: async () => (await import("./connecting.ts")).connectCommand,
  },
  doctor: {
    about: "Looks at what is set up here, and says what to do",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  check: {
    about: "May this run? Asks nobody, and runs nothing",
    load: async () => (await import("./check.ts")).check,
  },
  ask: {
    about: "Asks a person to approve an action, and waits",
    load: async () => (await import("./ask.ts")).ask,
  },
  guard: {
    about: "Runs what stands behind --, once it is authorized",
    load: async () => (await import("./guarding.ts")).guard,
  },
  approve: {
    about: "Opens the page where a passkey approves a request",
    load: async () => (await import("./deciding.ts")).approve,
  },
  deny: {
    about: "Opens the page where a request is denied",
    load: async () => (await import("./deciding.ts")).deny,
  },
  apply: {
    about: "Makes the policy what a file says, as it is shown before",
    load: async () => (await import("./policy.ts")).apply,
  },
  policy: {
    about: "The policy as one document",
    commands: {
      pull: {
        about: "Reads it",
        load: async () => (await import("./policy.ts")).pull,
      },
      diff: {
        about: "What a file would change; ends with 1 where that is something",
        load: async () => (await import("./policy.ts")).diff,
      },
    },
  },
  mandate: {
    about: "What users let agents do",
    commands: {
      list: {
        about: "Those that there are",
        load: async () => (await import("./mandates.ts")).list,
      },
      get: {
        about: "One of them",
        load: async () => (await import("./mandates.ts")).get,
      },
      grant: {
        about: "Grants what a file says",
        load: async () => (await import("./mandates.ts")).grant,
      },
      revoke: {
        about: "Ends one",
        load: async () => (await import("./mandates.ts")).revoke,
      },
    },
  },
  receipts: {
    about: "Proofs of what was decided and done",
    commands: {
      get: {
        about: "Fetches one, once it is shown to be genuine",
        load: async () => (await import("./receipt.ts")).getReceipt,
      },
    },
  },
  verify: {
    about: "Shows that a receipt is genuine, without asking anybody",
    load: async () => (await import("./receipt.ts")).verify,
  },
  logs: {
    about: "Entries of the audit log",
    load: async () => (await import("./logs.ts")).logs,
  },
  hook: {
    about: "Answers a host before its tool runs: 0 with the answer, else 2",
    load: async () => (await import("./hook.ts")).hook,
  },
  completion: {
    about: "What a shell needs to complete these commands",
    load: async () => (await import("./completion.ts")).completion,
  },
};
