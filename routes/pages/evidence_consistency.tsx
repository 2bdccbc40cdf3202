import { Button } from "../../components/button.tsx";
import { TextField } from "../../components/fields.tsx";
import { Section } from "../../components/section.tsx";
import { EVIDENCE } from "./evidence_path.ts";

/** Fetches what ties a checkpoint that was kept to the log of now. */
export function ConsistencySection({ size }: { readonly size: number }) {
  return (
    <Section
      title="Compare with a checkpoint that you kept"
      description="A consistency proof ties both: it shows that between them the log did nothing but
        grow. Paste it beside them on the page that checks receipts."
    >
      <form class="form form-stack" method="get" action={`${EVIDENCE}/consistency.json`}>
        <div class="grid-2">
          <TextField
            name="from"
            label="Entries in the older checkpoint"
            hint="Its second line"
            type="number"
            min={0}
            required
          />
          <TextField
            name="to"
            label="Entries in the newer one"
            type="number"
            min={0}
            max={size}
            value={size}
            required
          />
        </div>
        <div>
          <Button icon="download">Download the proof</Button>
        </div>
      </form>
    </Section>
  );
}
