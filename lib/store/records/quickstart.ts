import { z } from "zod";

/** What a member tries Countersign out with, before an agent of their own is connected. */
export const sampleRecord = z.object({
  /** The agents that asked, the one in use last: others were removed since. */
  agents: z.array(z.string()).min(1),
  /** How many requests were sent; each is for another action by its number. */
  number: z.number().int().nonnegative(),
  /** The newest request; null until there is one. */
  approval: z.string().nullable(),
});

export type SampleRecord = z.infer<typeof sampleRecord>;
