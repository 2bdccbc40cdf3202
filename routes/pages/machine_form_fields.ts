import { z } from "zod";
import { lines, optionalTime, optionalWhole, text, whole } from "../dashboard/form.ts";
import { newMachineFields } from "../fields/machine.ts";

const { name, trust_tier, tenant_ids, rate_limit_per_minute } = newMachineFields;

/** What agents and keys have in common, as a form sends it. */
export const machineFormFields = {
  name: text(name),
  trust_tier: whole(trust_tier.unwrap()),
  tenant_ids: lines(z.string()).transform((ids) => ids.length === 0 ? null : ids)
    .pipe(tenant_ids.unwrap()),
  expires_at: optionalTime,
  rate_limit_per_minute: optionalWhole(rate_limit_per_minute.unwrap().unwrap()),
};

/** The one member of a path that names an agent or a key. */
export const byId = z.object({ id: z.string().max(64) });
