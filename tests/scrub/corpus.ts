import {
  ALNUM,
  card,
  cardDigits,
  digits,
  hex,
  iban,
  jwt,
  mail,
  phone,
  privateKey,
  type Sample,
  secret,
  token,
} from "./samples.ts";

/** A reason as an agent writes it, with what it should read after scrubbing. */
export interface LabelledReason {
  readonly text: string;
  readonly expected: string;
  readonly samples: readonly Sample[];
}

/** Samples are what should be found; plain strings are put in as they are. */
function reason(parts: TemplateStringsArray, ...values: (Sample | string)[]): LabelledReason {
  let text = parts[0] ?? "";
  let expected = text;
  values.forEach((value, i) => {
    const rest = parts[i + 1] ?? "";
    text += (typeof value === "string" ? value : value.value) + rest;
    expected += (typeof value === "string" ? value : `[${value.kind}]`) + rest;
  });
  return { text, expected, samples: values.filter((value) => typeof value !== "string") };
}

/** A card number with something in the middle that nobody writes there. */
function split(middle: string): Sample {
  const { kind, value } = card("4", 16);
  return { kind, value: value.slice(0, 8) + middle + value.slice(8) };
}

const NEW_PASSWORD = "Kx" + "9!vem" + "Tr2";
const UUID = `${hex(8)}-${hex(4)}-4${hex(3)}-9${hex(3)}-${hex(12)}`;

/** Infrastructure and deployments. */
const infrastructure: LabelledReason[] = [
  reason`Restart worker-17: queue depth 48213 for 20 minutes, see INC-20415.`,
  reason`Roll back api to v2.14.3; error rate went from 0.02% to 4.81% after commit ${hex(40)}.`,
  reason`Deploy image registry.internal/api@sha256:${hex(64)} to staging.`,
  reason`Delete orphaned volume vol-0${hex(16)}, unattached since 2024-03-11T04:12:55Z.`,
  reason`Host 10.42.7.19 does not answer; fail over to 10.42.7.20 (fd00:12:34::20).`,
  reason`Scale deployment from 3 to 12 replicas, p99 is 1840 ms, target 400 ms.`,
  reason`Rerun job ${UUID}; it died with exit code 137 at 03:14:07.`,
  reason`Cherry-pick ${hex(7)} and ${hex(10)} onto release/24.05.2.`,
  reason`Upgrade lodash@4.17.21 and @types/node@20.11.5 to clear CVE-2024-21538.`,
  reason`Restart wg-quick@wg0.service on gateway-2 after the change of 2024-06-01.`,
  reason`Purge CDN paths /assets/*; ETag ${hex(32)} is stale.`,
  reason`Bucket logs-2023 has 1234567890123 bytes; delete objects older than 400 days.`,
  reason`Migration 20240512103045 fails on replica 3, run it again with a longer lock timeout.`,
  reason`Clone git@github.com:example/infra.git at tag v1.20.300 on runner 4.`,
  reason`Snowflake id 1790134245781234567 is duplicated in shard 7.`,
  reason`Kernel 6.1.0-18-amd64 panics; move pods to nodes with 5.15.0-1052.`,
  reason`Terraform plan: 4 to add, 2 to change, 117 to destroy. Confirm prod-eu-1.`,
  reason`Open port 5432 from 192.168.10.0/24 to db-3 until 18:30.`,
  reason`Epoch 1717243200000 is in the past, so the certificate serial 04:A3:7F:12:9C is expired.`,
  reason`Push notification for trace 00-${hex(32)}-${hex(16)}-01 was lost.`,
  reason`Password rotation for db-main is due, the token: expired message appears in all pods.`,
  reason`max_tokens=4096 is too low, raise it; next_page_token=${digits(12)} loops.`,
  reason`Set DB_PASSWORD=$DB_PASSWORD from vault, secret: payments/db-main-2.`,
  reason`Deploy needs DB_PASSWORD=${secret(NEW_PASSWORD)} on web-3.`,
  reason`Connect with postgres://${
    secret("app:" + ALNUM.slice(3, 9) + "7@x")
  }@db-3.internal:5432/orders and drop the index.`,
  reason`Log line leaked Authorization: Bearer ${token([], 40)} to stdout, rotate it.`,
  reason`curl -H 'Authorization: Basic ${token([], 24)}' https://ci.example.com fails with 401.`,
  reason`The runner used ${
    token(["AK", "IA"], 16, "ABCDEFGHJKLMNPQRSTUVWXYZ234567")
  } and must be replaced.`,
  reason`aws_secret_access_key = ${token([], 40)} was committed in ${hex(8)}.`,
  reason`AWS secret ${token([], 40)} is in the build log of job 8841.`,
  reason`Revoke ${token(["gh", "p_"], 36)}, found in repository example/tools.`,
  reason`CI variable holds ${token(["github", "_pat_"], 60)}; delete it.`,
  reason`Deploy with ${token(["glp", "at-"], 20)} until the bot account is back.`,
  reason`npm publish fails with ${token(["np", "m_"], 36)}, log in again.`,
  reason`Session ${jwt()} does not end, kill it.`,
  reason`Server key on disk is world-readable: ${privateKey("RSA ")} please replace.`,
  reason`Key found in a ticket: ${privateKey("")}`,
  reason`Our own key ${token(["cs", "_live_"], 32)} is printed by the worker.`,
  reason`Agent sent ${token(["cs", "_agent_"], 32)} in a query string.`,
  reason`Run it with --token ${token([], 30)} --force on ci-4.`,
  reason`Config is {"user": "svc", "password": "${secret("tr0ub" + "adour")}"} on three hosts.`,
  reason`Maps key ${token(["AI", "za"], 35)} has no referrer limit.`,
  reason`redis://${secret(":r3d" + "isPw99")}@cache-1:6379/0 is not reachable.`,
  reason`Bot posts with ${token(["xo", "xb-"], 40)} into #ops.`,
  reason`The temporary password is ${secret("Wq7" + "!parole")} until Friday.`,
  reason`ssh deploy@web-1.example.com and restart nginx.`,
  reason`Vault root for staging: ${secret("hunter-two-blue-door")}, as agreed on the call.`,
];

/** Billing, payments and refunds. */
const billing: LabelledReason[] = [
  reason`Refund EUR 1,249.00 for order 100-2938475-1234567, delivered twice.`,
  reason`Refund order 4711-2024-000123 in full, customer 88213.`,
  reason`Invoice 2024-000981 over 12.500,00 EUR was paid twice on 03.05.2024 and 06.05.2024.`,
  reason`Chargeback case 5500012345678 is lost, write off $ 1 204.50.`,
  reason`Credit 30 days on subscription sub_${hex(14)}, outage of 2024-04-30.`,
  reason`Amount 4000000000 IDR equals 230 EUR, not 23000.`,
  reason`Void authorization 00412398, expired after 7 days.`,
  reason`Bar code 4006381333931 scans as the wrong article, correct the price to 3,49.`,
  reason`Raise the limit from 10 000 000 to 25 000 000 JPY for Q3.`,
  reason`Tracking 00340434161094042557 is lost, refund shipping 4,99.`,
  reason`VAT id DE136695976 is invalid, hold invoice RE-2024-7781.`,
  reason`Card ending 4242 was declined with code 51 at 10:42, retry tomorrow.`,
  reason`Payment pi_${hex(24)} stuck in processing for 36 hours.`,
  reason`Customer wrote the card ${
    card("4", 16, [4, 4, 4, 4])
  } into the form, delete the ticket text.`,
  reason`Charge ${card("51", 16)} again, first attempt timed out.`,
  reason`Amex ${card("37", 15, [4, 6, 5])} exp 11/27 was declined twice.`,
  reason`Card number ${card("2221", 16, [4, 4, 4, 4], "-")} belongs to a blocked account.`,
  reason`PAN=${card("6011", 16)} in the debug log of pay-2, purge the log.`,
  reason`Diners ${card("36", 14, [4, 6, 4])} is not supported, cancel the payment.`,
  reason`Refund to ${card("4", 16, [4, 4, 4, 4], ".")} instead of the old card.`,
  reason`UnionPay ${card("62", 19)} was charged in the wrong currency.`,
  reason`Pay out 310.00 to ${iban("DE", "", 18)} today.`,
  reason`Change the supplier's account to ${iban("GB", "NWBK", 14)}; letter of 2024-05-02.`,
  reason`SEPA return from ${iban("FR", "", 23, false)}, book it on 1590.`,
  reason`Salary to ${iban("ES", "", 20)} bounced with AC04.`,
  reason`Refund 89,90 to ${iban("NL", "ABNA", 10)} (closed: ${iban("NL", "INGB", 10, false)}).`,
  reason`IBAN: ${iban("CH", "", 17)}, reference RF18539007547034.`,
  reason`Transfer to ${iban("AT", "", 16, false)} over 5.000 EUR needs a second look.`,
  reason`Stripe key ${token(["sk", "_live_"], 24)} is used by two services.`,
  reason`Test mode uses ${token(["sk", "_test_"], 24)}, remove it from production.`,
  reason`Receipt goes to ${mail("billing+eu@example.co.uk")} and not to the old address.`,
  reason`Score 0.5312345678901234 is above the limit, block the payment.`,
  reason`Order ${cardDigits("4", 16)} was paid by invoice, release it.`,
  reason`Card four two four two: ${split("\n")} over two lines.`,
];

/** Support and customer care. */
const support: LabelledReason[] = [
  reason`Customer asks to change the address to ${mail("anna.schmidt@example.com")}.`,
  reason`Delete the account of ${
    mail("j.o'brien@mail.example.ie")
  }, request of 2024-05-12, ticket 88123.`,
  reason`Merge ${mail("bob@example.org")} into ${mail("robert.k@example.org")}, same person.`,
  reason`Bounce from <${mail("maria_lopez99@example.es")}>, stop the newsletter.`,
  reason`mailto:${mail("info@xn--mller-kva.example")} is the new contact.`,
  reason`Call ${phone("+1 415 555 0132")} before the technician goes out.`,
  reason`Customer's number is ${phone("(212) 555-0187")}, callback after 5 pm.`,
  reason`Reached at ${phone("650-555-0119 ext. 12")}, no answer.`,
  reason`Change phone to ${phone("+44 20 7946 0958")}, old one was wrong.`,
  reason`Phone ${phone("+49 (0)30 23125 012")} and mail ${
    mail("k.meier@example.de")
  } were swapped.`,
  reason`Send an SMS to ${phone("+33 6 39 98 12 34")} with the code.`,
  reason`WhatsApp ${phone("+34612345678")}: wants a refund of order 77120.`,
  reason`Tel.: ${phone("030 23125 4471")}, ask for the back office.`,
  reason`Ring ${phone("0049 89 99998 123")} about case 2024-7781.`,
  reason`Phone number ${phone("4155550132")} is a duplicate? No: ${phone("1-415-555-0132")} is.`,
  reason`UK mobile ${phone("07700 900123")} opted out.`,
  reason`Order 415-555-0132 was sent to the wrong depot.`,
  reason`Ticket 030 1234567 is a duplicate of 030 1234599.`,
  reason`Serial 0171-998877 is out of warranty since 01/02/2023.`,
  reason`Close tickets 100200300, 100200301 and 100200302 as duplicates.`,
  reason`Call on 2024-05-12 at 10:30, room 4.12.`,
  reason`RMA 2024 0512 7781 approved, article 4711.0815.`,
  reason`App 7.12.4 (build 20240512) crashes on Android 14, push 7.12.5.`,
  reason`User id 9912345678 has 2 open sessions from 203.0.113.54.`,
  reason`Customer waited 45 minutes, give a voucher of 15 EUR, code SPRING-24-XK.`,
  reason`Account 000123456789 was merged by mistake on 12.05.2024 14:30.`,
  reason`She posted @example.handle on the forum, remove the post 5512/77.`,
  reason`Avatar logo@2x.png is offensive, delete it.`,
  reason`Write to ${mail("bob (at) example (dot) com")}, the form does not work.`,
  reason`The number is ${phone("five five five, 0132")}, he said; try ${
    phone("612 345 678")
  } in Madrid.`,
  reason`Contact ${mail("用户@例子.公司")} about the import.`,
  reason`Full-width address ${mail("ｔａｒｏ＠example.jp")} was imported.`,
  reason`He hid it: ${card("4", 16, [4, 4, 4, 4], "\u200b")} in the comment.`,
  reason`+1200 rows and +3.5% since yesterday, C++17 build, no action.`,
  reason`Grew by +4500000 rows; archive the table events_2022.`,
];

/** Human resources and access. */
const people: LabelledReason[] = [
  reason`Offboard employee 20417, last day 2024-06-30, laptop LT-88412.`,
  reason`Raise pay grade from E4 to E5 from 01.07.2024, approved in HR-2291.`,
  reason`Grant read access to finance-reports for 14 days, manager agreed.`,
  reason`Correct the leave balance from 12.5 to 17.5 days.`,
  reason`Add ${mail("new.hire@example.com")} to group eng-all.`,
  reason`New bank account of employee 20417: ${iban("BE", "", 12)}.`,
  reason`Emergency contact is ${phone("+41 44 668 18 00")}, update the record.`,
  reason`Reset the password; initial passphrase: ${secret("blue4" + "Horse!")} to be changed.`,
  reason`Badge 0004812345 lost, replaced by 0004812399.`,
  reason`Contract 2024/118-3 ends; archive personnel file 77-1290.`,
  reason`Invite ${mail("lead@team.example.net")} and ${
    mail("second.lead@team.example.net")
  } as approvers.`,
  reason`Candidate's portfolio is https://example.com/@jane.doe, call is on Tuesday.`,
];

/** German, French and Spanish. */
const otherLanguages: LabelledReason[] = [
  reason`Bestellung 4500123456 stornieren, der Kunde hat zweimal bezahlt (2 x 49,90 EUR).`,
  reason`Rechnung 2024-0815 vom 03.05.2024 gutschreiben, Kundennummer 0301234567.`,
  reason`Kunde bittet um Rückruf unter ${phone("0171 5550123")} zum Auftrag 8812.`,
  reason`Neue Bankverbindung: ${iban("DE", "", 18, false)}, bitte ab Juni verwenden.`,
  reason`Passwort: ${secret("Somm3r" + "wind")} wurde im Ticket genannt, bitte sperren.`,
  reason`Adresse ändern auf ${mail("jürgen.groß@example.de")}, Vorgang 77-12.`,
  reason`Server web-3 neu starten, Speicher bei 98 %, seit 04:15 Uhr.`,
  reason`Telefonnummer ${phone("089/99998-123")} ist falsch hinterlegt.`,
  reason`Das Kennwort ist ${secret("gAns!7" + "eheim")} und muss weg.`,
  reason`Artikel 0815 4711 22 ist nicht lieferbar, Sendung 00340434161094015902.`,
  reason`Rembourser la commande 2024-118822, colis perdu le 12/05/2024.`,
  reason`Le client demande un rappel au ${phone("06 39 98 01 23")} avant midi.`,
  reason`Nouveau RIB : ${iban("FR", "", 23)} à partir du 1er juin.`,
  reason`Mot de passe : ${secret("Ete2" + "024!x")} trouvé dans le dossier 4412.`,
  reason`Supprimer le compte de ${mail("helene.dupont@exemple.fr")}, demande RGPD 118.`,
  reason`Facture 06 12 34 56 78 contestée, montant 1 234 567,89 EUR.`,
  reason`Téléphone ${phone("01.99.00.12.34")} erroné, dossier 7781.`,
  reason`Augmenter la limite à 10 000 requêtes, version 3.2.1, hôte 172.16.4.9.`,
  reason`Reembolsar el pedido 778812345 de 49,99 EUR, entregado tarde.`,
  reason`Llamar al ${phone("+34 912 34 56 78")} por la factura 2024-331.`,
  reason`Cambiar la cuenta a ${iban("ES", "", 20, false)} desde junio.`,
  reason`Contraseña: ${secret("Ver4no" + "Azul")} aparece en el correo, cambiarla.`,
  reason`Correo nuevo ${mail("lucia.garcia@ejemplo.es")}, expediente 5512.`,
  reason`Teléfono ${phone("612 345 678")} dado de baja.`,
  reason`Eliminar 1.250.000 filas de eventos_2021 antes del 30/06/2024.`,
  reason`Kunde am Apparat, Nummer ${phone("5550123")}, will morgen zurückgerufen werden.`,
];

/** Reasons for held actions, made up, with made-up data: 120 and more of several trades. */
export const corpus: readonly LabelledReason[] = [
  ...infrastructure,
  ...billing,
  ...support,
  ...people,
  ...otherLanguages,
];
