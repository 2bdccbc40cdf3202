/**
 * Every island: the name that its element carries, and its module. The bundler makes a script of
 * each, which a page loads only when it holds that island.
 */
export const ISLANDS = {
  approval: () => import("./approval.tsx"),
  copy_button: () => import("./copy_button.tsx"),
  enrol: () => import("./enrol.tsx"),
  inbox: () => import("./inbox.tsx"),
  recovery_codes: () => import("./recovery_codes.tsx"),
  sign_in: () => import("./sign_in.tsx"),
  step_up: () => import("./step_up.tsx"),
};
