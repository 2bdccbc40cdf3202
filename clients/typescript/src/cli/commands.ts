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
  status: {
    about: "Where Countersign is, and whether it takes this computer's key",
    load: async () => (await import("./status.ts")).status,
  },
  check: {
    about: "May this run? Asks nobody, and runs nothing",
    load: async () => (await import("./check.ts")).check,
  },
  completion: {
    about: "What a shell needs to complete these commands",
    load: async () => (await import("./completion.ts")).completion,
  },
};
