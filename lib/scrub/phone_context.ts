import { charSet, LETTER, type Scan } from "./scan.ts";

/** What the words before a number say about it. */
export type NumberContext = "phone" | "call" | "other" | "none";

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));

/** Nouns for a telephone number, in English, German, French and Spanish, without accents. */
const PHONE_WORDS = words(
  "phone tel telephone telefon telefono telefonnummer telefonnr rufnummer handynummer handy fax " +
    "mobilnummer mobiltelefon whatsapp phonenumber durchwahl tlf movil tfno cellphone msisdn",
);

/** Words that go before telephone numbers, and before much else. */
const CALL_WORDS = words(
  "call called calling dial sms text ring mobile mobil cell anrufen ruckruf erreichbar anruf " +
    "appeler rappeler joignable portable llamar llame",
);

/** Words that name another number. */
const OTHER_WORDS = words(
  "order orders ticket tickets invoice invoices case ref reference id ids sku po tracking parcel " +
    "article customer account contract serial part batch job build case claim policy shipment rma " +
    "auftrag bestellung rechnung vorgang kunde kundennummer artikel vertrag sendung bestellnummer " +
    "rechnungsnummer auftragsnummer kundennr aktenzeichen commande facture dossier client colis " +
    "pedido factura cliente expediente envio version",
);

const FILLERS = words(
  "number no nr nummer num numero is on at back me him her them us the a la le el al au unter un " +
    "under new old customer client kunde kunden zuruck to de del his their my via and und et y",
);

const BETWEEN = charSet(" :.#=(\"'/");
const WORD_LIMIT = 24;
const WORDS_BACK = 5;

function plainWord(word: string): string {
  return word.toLowerCase().normalize("NFD").replaceAll(/\p{M}/gu, "");
}

/** Reads back from `at` over at most five words: the first that says something decides. */
export function numberContext(scan: Scan, at: number): NumberContext {
  let end = at;
  for (let i = 0; i < WORDS_BACK; i++) {
    end = scan.runStart(end, BETWEEN, 4);
    const start = scan.runStart(end, LETTER, WORD_LIMIT);
    if (start === end) return "none";
    const word = plainWord(scan.slice(start, end));
    if (PHONE_WORDS.has(word)) return "phone";
    if (CALL_WORDS.has(word)) return "call";
    // "customer 4711" is another number, "call the customer on …" is not.
    if (OTHER_WORDS.has(word) && !(i > 0 && FILLERS.has(word))) return "other";
    if (!FILLERS.has(word)) return "none";
    end = start;
  }
  return "none";
}

/** True for a member name whose value is a phone number: `phone`, `mobile_phone`, `faxNumber`. */
export function isPhoneName(name: string): boolean {
  const parts = name.replaceAll(/([a-z])([A-Z])/g, "$1 $2").split(/[^\p{L}]+/u);
  return parts.some((part) => PHONE_WORDS.has(plainWord(part)) || plainWord(part) === "mobile");
}
