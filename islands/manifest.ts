/**
 * Every island but that of a request, whose page has a script of its own: the name that its element
 * carries, and its module. The bundler makes a script of each, which a page loads only when it holds
 * that island.
 */
export const ISLANDS = {
  activity_tail: () => import("./activity_tail.tsx"),
  api_builder: () => import("./api_builder.tsx"),
  call: () => import("./call.tsx"),
  confirm: () => import("./confirm.tsx"),
  connect: () => import("./connect.tsx"),
  consent: () => import("./consent.tsx"),
  copy_button: () => import("../components/copy_button.tsx"),
  device: () => import("./device.tsx"),
  end_mandate: () => import("./end_mandate.tsx"),
  enrol: () => import("./enrol.tsx"),
  first_check: () => import("./first_check.tsx"),
  inbox: () => import("./inbox.tsx"),
  inclusion_proof: () => import("./inclusion_proof.tsx"),
  keys_switch: () => import("../components/shortcuts.tsx"),
  mandate_receipts: () => import("./mandate_receipts.tsx"),
  push_switch: () => import("./push_switch.tsx"),
  receipt_check: () => import("./receipt_check.tsx"),
  recovery_codes: () => import("./recovery_codes.tsx"),
  sign_in: () => import("./sign_in.tsx"),
  signed_receipt: () => import("./signed_receipt.tsx"),
  step_up: () => import("./step_up.tsx"),
};
