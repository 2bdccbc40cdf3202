import { z } from "zod";

const timestamp = z.number().int().nonnegative();

/** What a client's own document said when it was last fetched (Client ID Metadata Documents). */
export const oauthDocument = z.object({
  name: z.string(),
  /** The allowed ones. */
  redirect_uris: z.array(z.string()),
  fetched_at: timestamp,
  /** Until when it is not fetched again. */
  fresh_until: timestamp,
  /** Until when it serves while it cannot be fetched. */
  expires_at: timestamp,
});

export type OAuthDocument = z.infer<typeof oauthDocument>;
