import { Button } from "../../components/button.tsx";
import { FieldErrors } from "../../components/field_errors.tsx";
import { TextField } from "../../components/fields.tsx";
import { Form, FormActions } from "../../components/form.tsx";
import { attempted } from "../dashboard/attempted.ts";
import type { Attempt } from "../dashboard/page.ts";
import { DELETE_ACCOUNT_PATH } from "./security_paths.ts";

/** Takes the address of the person as the sign that they mean it. */
export function DeleteAccountForm({ attempt }: { readonly attempt: Attempt | null }) {
  const form = attempted(attempt, "delete_account");
  return (
    <Form do="delete_account" layout="stack" action={DELETE_ACCOUNT_PATH}>
      <FieldErrors errors={form.errors} />
      <TextField
        name="email"
        label="Type your e-mail address to confirm"
        type="email"
        autoComplete="off"
        value={form.value("email")}
        error={form.error("email")}
        required
      />
      <FormActions>
        <Button variant="danger">Delete my account</Button>
      </FormActions>
    </Form>
  );
}
