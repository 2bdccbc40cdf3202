/** The variables that are read; the process needs permission for no other of ours. */
export const VARIABLES = [
  "PORT",
  "COUNTERSIGN_KV",
  "DENO_DEPLOYMENT_ID",
  "COUNTERSIGN_URL",
  "COUNTERSIGN_TRUSTED_PROXY",
  "COUNTERSIGN_SECRET",
  "COUNTERSIGN_SECRET_PREVIOUS",
  "COUNTERSIGN_LOG",
  "COUNTERSIGN_MCP_TASKS",
  "COUNTERSIGN_DRAIN_SECONDS",
  "COUNTERSIGN_BOOTSTRAP_KEY",
  "COUNTERSIGN_BOOTSTRAP_APPROVER_KEY",
  "COUNTERSIGN_BOOTSTRAP_OWNER",
  "SMTP_URL",
  "MAIL_FROM",
] as const;

export type Variable = (typeof VARIABLES)[number];

/** A setting is not what it must be; the start ends with its message. */
export class SettingRefused extends Error {
  readonly code = "setting_refused";

  constructor(readonly variable: Variable, problem: string) {
    super(`${variable} ${problem}`);
  }
}
