import fc from "fast-check";
import assert from "node:assert/strict";
import { curlCommand, shellWord as quoted } from "../../lib/onboarding/builder_scripts.ts";

/** What a POSIX shell makes of words in single quotes and escaped characters. */
function shellWord(text: string): string {
  return text.replaceAll(/'([^']*)'|\\(.)/gs, (_, inside, escaped) => inside ?? escaped);
}

Deno.test("quoted() is one word that the shell reads as it was", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (word) => {
    assert.equal(shellWord(quoted(word)), word);
  }));
});

Deno.test("curlCommand() keeps the secret out of the command, and quotes what strangers named", () => {
  const command = curlCommand({
    method: "POST",
    url: "https://countersign.example/v1/permissions/check",
    secret: "cs_live_x",
    body: { tool_name: "t", tenant_id: "o'neill $(id)" },
  });
  assert.equal(
    command,
    `export COUNTERSIGN_KEY='cs_live_x'
curl -sS -X POST 'https://countersign.example/v1/permissions/check' \\
  -H "X-API-Key: $COUNTERSIGN_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"tool_name":"t","tenant_id":"o'\\''neill $(id)"}'`,
  );
});
