import {
  ALNUM,
  charSet,
  LOWER,
  Scan,
  type Span,
  StartIndex,
  type StartPattern,
  UNSPACED_LETTER,
  UPPER,
  WORD_LETTER,
} from "./scan.ts";

/** Names that secrets go by, in some twenty languages, and where such a name stands. */

/**
 * What a name says of its value. A `password` is chosen by people and can be a word; a `key` is
 * made by machines; a `token` is as often the name or the fate of one ("token: expired"); an
 * `opaque` name (`session`, `sig`) holds a secret only where the value is random, and a `vague` one
 * (`key`, `code`) only where nothing else could look so. A `code` is a few digits that are used once
 * or typed at a door, a `phrase` twelve words or more. `authorization` and `cookie` have a form of
 * their own.
 */
export type SecretKind =
  | "password"
  | "key"
  | "token"
  | "opaque"
  | "vague"
  | "code"
  | "phrase"
  | "authorization"
  | "cookie";

/** A blank in a name stands for nothing or one separator: "api key" is `apikey` and `API_KEY` too. */
type NameRow = readonly [kind: SecretKind, language: string, names: string];

const ROWS: readonly NameRow[] = [
  [
    "password",
    "en",
    "password, passwd, passphrase, passwrd, p/w, snmp community, snmp community string, basic auth, http auth, identified by, requirepass, " +
    "masterauth, bindpw, rootpw, dbpass, dbpw, rootpass, adminpass, userpass, smtppass, mailpass, ftppass",
  ],
  ["password", "de", "passwort, kennwort, losungswort"],
  ["password", "fr", "mot de passe, phrase secrète"],
  ["password", "es", "contraseña, contrasenya, clave de acceso, clave secreta"],
  ["password", "it", "parola d ordine, parola di accesso"],
  ["password", "pt", "senha, palavra passe"],
  ["password", "nl", "wachtwoord, wachtwoordzin, wachtzin"],
  ["password", "pl", "hasło, hasła, hasłem, haslo, haslem"],
  ["password", "sv, da, no", "lösenord, lösenordet, adgangskode, kodeord, passord, passordet"],
  ["password", "fi, et", "salasana, salasanan, parool"],
  ["password", "cs, sk, sl, hr", "heslo, hesla, heslem, geslo, lozinka"],
  ["password", "hu", "jelszó, jelszava"],
  [
    "password",
    "ro, tr, az",
    "parola, parolă, parolası, parolanız, şifre, şifresi, şifreniz, şifrem",
  ],
  ["password", "ru, uk, bg", "пароль, пароля, паролем, парола, лозинка"],
  ["password", "el", "κωδικός πρόσβασης, κωδικός, συνθηματικό"],
  ["password", "ja", "パスワード, パスフレーズ, 合言葉"],
  ["password", "zh", "密码, 密碼, 口令"],
  ["password", "ko", "비밀번호, 암호, 패스워드"],
  ["password", "ar, he, fa", "كلمة المرور, كلمة السر, رمز عبور, סיסמה, סיסמא"],
  ["password", "hi, th, vi, id", "पासवर्ड, รหัสผ่าน, mật khẩu, kata sandi"],

  [
    "key",
    "en",
    "api key, access key, secret key, private key, account key, shared access key, signing key, " +
    "encryption key, master key, service key, storage key, auth key, app key, hmac key, " +
    "consumer key, license secret, secret access key, host key, webhook key, server key, " +
    "subscription key, deploy key, recovery key, session key, cipher key, decryption key, " +
    "client secret, api secret, app secret, application secret, consumer secret, shared secret, " +
    "webhook secret, signing secret, otp secret, totp secret, jwt secret, session secret, " +
    "cookie secret, secret key base, api token, access token, auth token, refresh token, " +
    "bearer token, session token, security token, deploy token, bot token, vault token, " +
    "root token, private token, personal access token, service token, registration token, " +
    "join token, oauth token, client key, ssh key, connection string, client key data, pre shared key",
  ],
  ["key", "de", "api schlüssel, zugangsschlüssel, geheimer schlüssel, privater schlüssel"],
  ["key", "de", "zugriffsschlüssel, zugriffstoken, zugangstoken, api geheimnis"],
  [
    "key",
    "fr",
    "clé api, clé d api, clé secrète, clé privée, clé d accès, jeton d accès, jeton api",
  ],
  ["key", "es", "clave api, clave de api, clave de la api, clave privada, token de acceso"],
  ["key", "it", "chiave api, chiave segreta, chiave privata, chiave di accesso, token di accesso"],
  ["key", "pt", "chave api, chave de api, chave da api, chave secreta, chave privada"],
  ["key", "pt", "chave de acesso, token de acesso"],
  ["key", "nl", "api sleutel, geheime sleutel, toegangssleutel, toegangstoken, privésleutel"],
  ["key", "pl", "klucz api, tajny klucz, klucz prywatny, klucz dostępu, token dostępu"],
  ["key", "sv, da, no, fi", "api nyckel, api nøgle, api nøkkel, api avain, åtkomsttoken"],
  ["key", "cs, hu, ro, tr", "klíč api, api klíč, api kulcs, cheie api, api anahtarı"],
  ["key", "ru, uk", "ключ api, api ключ, секретный ключ, ключ доступа, токен доступа"],
  ["key", "ja", "apiキー, アクセスキー, 秘密鍵, シークレットキー, アクセストークン, apiトークン"],
  ["key", "zh", "api密钥, 密钥, 密鑰, 访问密钥, 访问令牌, 私钥, 私鑰"],
  ["key", "ko", "api키, api 키, 액세스 키, 비밀키, 액세스 토큰"],

  ["token", "en", "secret, token, credential, credentials, creds"],
  ["token", "de", "geheimnis, zugangsdaten, anmeldedaten, login daten"],
  ["token", "fr", "jeton, identifiants"],
  [
    "token",
    "es, it, pt, nl, pl",
    "secreto, credenciales, segreto, credenziali, segredo, credenciais",
  ],
  ["token", "nl, pl, sv", "geheim, inloggegevens, sekret, hemlighet"],
  ["token", "ru, ja, zh, ko", "токен, секрет, トークン, シークレット, 令牌, 凭证, 토큰, 시크릿"],

  ["code", "fr", "code secret, code d accès, code de sécurité, code de vérification, code pin"],
  ["code", "es", "código de acceso, código de verificación, código de seguridad, código secreto"],
  ["code", "it", "codice segreto, codice di accesso, codice di verifica, codice di sicurezza"],
  ["code", "pt", "código de acesso, código de verificação, código de segurança"],
  ["code", "pl", "kod dostępu, kod weryfikacyjny, kod bezpieczeństwa, kod pin"],
  ["code", "ru, tr", "код доступа, код подтверждения, пин код, doğrulama kodu, güvenlik kodu"],
  ["code", "ja, zh", "暗証番号, pinコード, pin番号, pin码, pin碼, pin번호"],
  ["code", "ja, zh, ko", "認証コード, 確認コード, 验证码, 驗證碼, 校验码, 인증번호, 인증 코드"],
  ["phrase", "en, fr", "mnemonic, phrase de récupération"],

  ["authorization", "en", "authorization"],
  ["cookie", "en", "cookie, cookies"],
];

/** Names that are parts of other words, so that a letter before them makes them another word. */
const WHOLE_ROWS: readonly NameRow[] = [
  ["opaque", "en", "session, session id, sid, sess id, auth, jwt, sig, signature, otp seed, pat"],
  ["opaque", "en", "connect sid, phpsessid, jsessionid, csrf, xsrf, ticket granting ticket"],
  ["opaque", "en", "bearer"],
  ["vague", "en", "key, hash key"],
  ["password", "en", "pass, pwd, pw, psw, passw, pswd, psk"],
  ["password", "fr", "mdp"],
  ["password", "es", "clave"],
  ["token", "de, fr, it, pt, nl, pl", "schlüssel, chiave, sleutel, klucz"],
];

/**
 * Names that say little alone, and much with the word before them: the "code" of "exit code" and
 * of "security code". Those words begin too many others to be looked for.
 */
const LED: readonly (readonly [name: RegExp, lead: RegExp, kind: SecretKind])[] = [
  [
    /^(?:codes?|kode?)$/,
    /(?:access|security|verification|confirmation|one[ _-]?time|login|2fa|mfa|otp|pin|recovery|backup|unlock|door|pass|zugangs|sicherheits|bestätigungs|einmal|prüf|tür|toegangs|beveiligings|verificatie|engångs|engangs|säkerhets|sikkerheds)[ _-]?$/i,
    "code",
  ],
  [/^(?:password|passcode)$/, /one[ _-]?time[ _-]?$/i, "code"],
  [/^phrase$/, /(?:seed|recovery|backup|wiederherstellungs)[ _-]?$/i, "phrase"],
  [/^key$/, /(?:licen[sc]e|product|activation|serial)[ _-]?$/i, "key"],
];

const LEAD_REACH = 24;

/** Taken for a name only behind one of those words, or where a word of its own begins. */
const LED_NAMES = "codes code kode kod phrase";

/** Codes with a short name: whole words, and a TAN in capitals, because of the colour. */
const SHORT_CODE: StartPattern = {
  pattern:
    /(?<![A-Za-z])(?:[Pp][Ii][Nn]|[Oo][Tt][Pp]|[Tt][Oo][Tt][Pp]|[Cc][Vv][VvCc]2?|TAN)(?![A-Za-z])/,
  beginnings: ["pin", "otp", "totp", "cvv", "cvc", "tan"],
};

const SEPARATORS = "[ _.'\u2019-]";

/** What may follow a name within a longer one: `PASSWORD_PROD`, `secret2`, `tokenValue`, "token 1:". */
const SUFFIX =
  / #?\d{1,2}(?= ?=|: )|[_.-]?(?:string|base|text|value|val|plain|raw|prod|production|staging|stage|stg|dev|test|live|old|new|current|primary|secondary|backup|main|root|v?\d{1,3})/iy;

/** Scripts that write words without blanks: what follows such a name is not a part of it. */
const UNSPACED = new RegExp(`${UNSPACED_LETTER}$`);

interface Name {
  readonly kind: SecretKind;
  readonly isWhole: boolean;
  readonly words: string;
}

/** As the detection copy writes it, and without accents, as many people do. */
function spellings(name: string): string[] {
  const bare = name.normalize("NFD").replaceAll(/\p{M}/gu, "").normalize("NFC");
  return [...new Set([name.replaceAll(/\p{Mn}/gu, ""), bare])];
}

function namesOf(rows: readonly NameRow[], isWhole: boolean): Name[] {
  return rows.flatMap(([kind, , names]) =>
    names.split(", ").flatMap(spellings).map((words) => ({ kind, isWhole, words }))
  );
}

const NAMES = [
  ...namesOf(ROWS, false),
  ...namesOf(WHOLE_ROWS, true),
  ...LED_NAMES.split(" ").map((words): Name => ({ kind: "vague", isWhole: true, words })),
];

const NAMES_BY_LETTERS: ReadonlyMap<string, Name> = new Map(
  NAMES.map((name) => [name.words.replaceAll(" ", ""), name]),
);

/** Every place where a name of the table can stand; each match is a few words long at most. */
const SECRET_NAME: StartPattern = {
  pattern: new RegExp(
    // At one place the longest name wins: "secret key base" is more than "secret".
    NAMES.toSorted((a, b) => b.words.length - a.words.length)
      .map(({ words }) => words.split(" ").join(`${SEPARATORS}?`)).join("|"),
    "i",
  ),
  beginnings: NAMES.map(({ words }) => words.split(" ", 1)[0] ?? words),
};

/** The patterns that together find every name. */
export const NAME_PATTERNS: readonly StartPattern[] = [SECRET_NAME, SHORT_CODE];

const SECRET_NAMES = new StartIndex(...NAME_PATTERNS);

const ALL_SEPARATORS = new RegExp(SEPARATORS, "g");

const JOINTS = charSet("_-.");

/** A name that holds a secret, where it stands in the text. */
export interface NamePlace extends Span {
  readonly kind: SecretKind;
}

/** False where the match is a part of another word: "bypass", "session" in "sessions". */
function startsName(scan: Scan, at: number): boolean {
  return !scan.is(at - 1, WORD_LETTER) || (scan.is(at, UPPER) && scan.is(at - 1, LOWER));
}

/** Tokens and keys of lists, of texts and of the public. */
const HARMLESS =
  /(?:page|next|continuation|sync|cursor|design|lexer|public|foreign|sort|hash|row|partition|cache|idempotency|object)[ _.-]?$/i;

/** Variables for the keys of tables, maps, messages and caches: `lookup_key`, `messageKey`. */
const OTHER_KEYS =
  /(?:unique|index|lookup|dedup\w{0,11}|message|event|record|job|task|order|customer|user|entity|doc|document|node|item|group|bucket|s3|blob|file|query|trace|correlation|request|primary|composite|join|map|i18n|translation|locale|label|feature|flag|issue|project|routing|shard|registry|asset|image)_?$/i;

const HARMLESS_REACH = 16;

const HEADER = /(?<![A-Za-z\d])x-(?:[a-z]{1,12}-)?$/i;

function isHarmless(scan: Scan, start: number): boolean {
  return HARMLESS.test(scan.slice(Math.max(0, start - HARMLESS_REACH), start));
}

/** The end of the whole name whose known part ends at `end`, or -1 where it says something else. */
function nameEnd(scan: Scan, end: number): number {
  const suffix = scan.matchAt(SUFFIX, end)?.[0].length ?? 0;
  for (const at of [end + suffix, end]) {
    const continues = scan.is(at, WORD_LETTER) || scan.is(at, ALNUM) ||
      (scan.is(at, JOINTS) && (scan.is(at + 1, WORD_LETTER) || scan.is(at + 1, ALNUM)));
    if (!continues) return at;
  }
  return -1;
}

/** What the name that begins at `start` says, with the word before it; null for a part of a word. */
function kindAt(scan: Scan, start: number, letters: string): SecretKind | null {
  const before = scan.slice(Math.max(0, start - LEAD_REACH), start);
  const led = LED.find(([name, lead]) => name.test(letters) && lead.test(before));
  if (led !== undefined) return led[2];
  const name = NAMES_BY_LETTERS.get(letters);
  if (name === undefined) return /^(?:pin|t?otp|cv[vc]2?|tan)$/.test(letters) ? "code" : null;
  if (name.isWhole && !startsName(scan, start)) return null;
  if (name.kind !== "vague") return name.kind;
  // WEATHER_KEY and X-Functions-Key are keys, and "key" in a sentence is hardly ever one.
  if (scan.startsWith(start - 1, "_KEY") || HEADER.test(before.slice(-HARMLESS_REACH))) {
    return "key";
  }
  const isVariable = letters === "key" && !OTHER_KEYS.test(before) &&
    (scan.startsWith(start - 1, "_") || (scan.is(start, UPPER) && scan.is(start - 1, LOWER)));
  return isVariable ? "opaque" : "vague";
}

/** The next name of a secret from `from` on, or null. */
export function nextSecretName(scan: Scan, from: number): NamePlace | null {
  let match = scan.findStart(SECRET_NAMES, from);
  while (match !== null) {
    const letters = scan.slice(match.start, match.end).toLowerCase().replaceAll(ALL_SEPARATORS, "");
    const kind = kindAt(scan, match.start, letters);
    const end = UNSPACED.test(letters) ? match.end : nameEnd(scan, match.end);
    if (kind !== null && end >= 0 && !isHarmless(scan, match.start)) {
      return { kind, start: match.start, end };
    }
    match = scan.findStart(SECRET_NAMES, match.start + 1);
  }
  return null;
}

/** What the name of a member or a variable says of its value: null where it is no secret's. */
export function secretKindOf(name: string): SecretKind | null {
  const scan = new Scan(name);
  let kind: SecretKind | null = null;
  for (let at = nextSecretName(scan, 0); at !== null; at = nextSecretName(scan, at.end)) {
    kind = at.end === name.length ? at.kind : null;
  }
  return kind;
}
