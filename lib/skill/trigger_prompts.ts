/** What a person tells their agent so that it follows the skill. */
export interface TriggerPrompt {
  readonly title: string;
  /** For whom it is, and what it costs. */
  readonly when: string;
  /** To be pasted; what stands in brackets is to be filled in. */
  readonly text: string;
}

/** Three ways of putting an agent under the skill, from the strictest to the narrowest. */
export const TRIGGER_PROMPTS: readonly TriggerPrompt[] = [
  {
    title: "Gate everything",
    when: "For agents that act on their own, and for the first days with a new one. Reading is " +
      "asked about too, so the log shows everything the agent did.",
    text: `Use the countersign skill for this whole session.

Before every tool call, whatever it does, check the action with Countersign and follow the answer. If it requires approval, request it, wait for the decision, take the run token, run exactly that call once, and log the outcome. If it is disabled, denied, expired or cannot be checked, do not run it and tell me.

Only the tools of Countersign themselves are exempt.`,
  },
  {
    title: "Let the skill decide",
    when:
      "For everyday work. The agent asks before what changes something and reads freely; what " +
      "counts as a change is written in the skill.",
    text: `Use the countersign skill in this session.

Before any action that changes something outside this conversation, check it with Countersign and follow the skill. You may read, search and think without asking. If you are not sure whether an action changes something, check it.

When a decision is pending, tell me the reference and go on with what does not depend on it. When the answer is no, stop there and tell me.`,
  },
  {
    title: "Gate a named set",
    when:
      "Where a few tools carry the risk. Name them as your rules do; everything else runs as before.",
    text: `Use the countersign skill for these tools, and only for these:

- [tool_name, such as refund_payment]
- [tool_name, such as github.merge_pull_request]

Before each call of one of them, check the action with Countersign under exactly this name, with its tenant, resource, method and full arguments, and follow the answer. Do not reach the effect of one of them by any other tool, shell command or API.

Everything else you may do as usual.`,
  },
];

const INTRODUCTION = `# Three prompts for the skill

The skill says how to act under Countersign; a prompt says when. Put the skill where your agent looks for skills, then paste one of these at the start of a session, or keep it in the file of standing instructions that your agent reads (\`AGENTS.md\`, \`CLAUDE.md\`, rules of the editor).

A prompt asks a model to behave, and no more. Where it has to hold, let the program that runs the tool consume the run token first: without one, nothing runs.
`;

/** The same prompts as a document. */
export function promptMarkdown(): string {
  const prompts = TRIGGER_PROMPTS.map(({ title, when, text }) =>
    `## ${title}\n\n${when}\n\n\`\`\`text\n${text}\n\`\`\`\n`
  );
  return [INTRODUCTION, ...prompts].join("\n");
}
