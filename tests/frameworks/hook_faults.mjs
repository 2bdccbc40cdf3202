/**
 * What may be where a host looks for the program `countersign`, and it is not ours, or breaks: lines
 * of a shell. The hook's own line stays as `connect` wrote it.
 */
export const BROKEN_PROGRAMS = {
  "is missing": null,
  "crashes without a word": "exit 1",
  "is killed": "kill -9 $$",
  "is killed with its shell": "kill -9 $PPID; kill -9 $$",
  "outlasts the host's limit": "exec sleep 5",
  "answers what cannot be read": `echo '{"hookSpecificOutput": nonsense'`,
};
