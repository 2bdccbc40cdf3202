import { charSet, LETTER, type Scan } from "./scan.ts";

/** What the words before a number say about it, in some fifteen languages. */

/** What the words before a number say about it. */
export type NumberContext = "phone" | "call" | "other" | "none";

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));

/** Nouns for a telephone number, in some fifteen languages, without accents. */
const PHONE_WORDS = words(
  "phone phones ph mob fon telnr rufnr handynr cel tel telephone telefon telefono telefonnummer telefonnr rufnummer handynummer handy " +
    "fax mobilnummer mobiltelefon whatsapp phonenumber durchwahl tlf movil tfno cellphone msisdn " +
    "cellulare recapito telefone telemovel celular telefoon telefoonnummer gsm mobiel telefonu " +
    "komorka komorkowy telefonszam puhelin puhelinnumero matkapuhelin mobilni telefonnumer " +
    "telefoni hotline telegram signal viber contact телефон телефона тел телефону моб мобильный " +
    "τηλεφωνο κινητο هاتف טלפון फोन",
);

/** Words that go before telephone numbers, and before much else. */
const CALL_WORDS = words(
  "call called calling calls dial dialed sms text ring mobile mobil cell anrufen ruckruf erreichbar " +
    "anruf appeler appelez rappeler joignable portable llamar llame llamame llamadme llamenos chiamami chiamare chiama richiamare " +
    "ligar ligue bellen bel terugbellen zadzwon dzwonic oddzwonic ringa ring soita zavolat hivja " +
    "позвонить позвоните звонить",
);

/** Words for a telephone number in scripts without blanks, as the end of what stands before it. */
const UNSPACED_PHONE =
  /(?:电话|電話|手机|手機|携帯|传真|傳真|전화|휴대폰|연락처|팩스|โทร|โทรศัพท์)(?:番号|号码|號碼|번호)?(?:は|が|を|是|为|為|는|은)?$/;

/** Words that name another number. */
const OTHER_WORDS = words(
  "order orders ticket tickets invoice invoices case ref reference id ids sku po tracking parcel " +
    "article customer account acct contract serial part batch job build case claim policy shipment " +
    "rma shard shift seat block room line port page row code slot partition lot model item unit " +
    "offset range bin bay rack zone gate lane track chapter section step level index hash isbn issn " +
    "ean upc gtin asin vin imei iccid imsi mac ip asn pid uid gid ads adwords campaign mcc npi ein " +
    "awb hawb mawb waybill consignment docket manifest lta guia albaran frachtbrief luftfrachtbrief " +
    "sendungsnummer paketnummer lieferschein vrachtbrief " +
    "tin vat passport licence license plate flight train route container barcode voucher coupon " +
    "store node host disk lba sector register hex version versions revision rev release " +
    "auftrag bestellung rechnung vorgang kunde kundennummer artikel vertrag sendung bestellnummer " +
    "rechnungsnummer auftragsnummer kundennr aktenzeichen konto kontonummer zimmer raum platz seite " +
    "zeile schicht gleis charge seriennummer kampagne commande facture dossier client colis compte " +
    "salle page ligne siege pedido factura cliente expediente envio cuenta sala fila lote asiento " +
    "ordine fattura pratica spedizione conto encomenda fatura conta bestelling factuur rekening " +
    "zamowienie faktura konto numerzamowienia zakaz заказ счет",
);

const FILLERS = words(
  "number numbers no nr nummer num numero nr is on at back me him her them us a the la le el al au " +
    "unter un under new old customer client kunde kunden zuruck to de del his their my via and und " +
    "et y o e i na moi mich mir uns nous sie al alla nova nuovo nieuw op номер",
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
    const written = scan.slice(start, end);
    if (UNSPACED_PHONE.test(written)) return "phone";
    const word = plainWord(written);
    if (PHONE_WORDS.has(word)) return "phone";
    if (CALL_WORDS.has(word)) return "call";
    // "customer 4711" is another number, "call the customer on …" is not.
    if (OTHER_WORDS.has(word) && !(i > 0 && FILLERS.has(word))) return "other";
    // "shards 01 02 …": what is counted stands right before, in the plural.
    if (i === 0 && /^[a-z]{3,}[^s]s$/.test(written) && !FILLERS.has(word)) return "other";
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
