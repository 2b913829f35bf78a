// German.

import type { Words } from './en';
import { plural } from './plural';

const count = plural('de');

const wait = (minutes: number) =>
  minutes < 1 ? 'weniger als eine Minute' : `etwa ${count(minutes, { one: '# Minute', other: '# Minuten' })}`;

export const de: Words = {
  chat: 'Chat',
  openChat: 'Chat öffnen',
  closeChat: 'Chat schließen',
  unread: (n) => count(n, { one: '# ungelesene Nachricht', other: '# ungelesene Nachrichten' }),
  greeting: 'Wie können wir helfen?',
  greetingMore: 'Schreiben Sie unten. Die Antwort kommt hier an.',
  nobodyIn: 'Gerade ist niemand da. Schreiben Sie trotzdem, die Antwort kommt hier an.',
  endChat: 'Chat beenden',
  messages: 'Nachrichten',
  write: 'Nachricht schreiben',
  send: 'Senden',
  tooLong: (n) => count(n, { one: '# Zeichen zu lang', other: '# Zeichen zu lang' }),
  waiting: 'Gleich ist jemand für Sie da',
  waitingAt: (position, minutes) =>
    `Sie sind auf Platz ${position} der Warteschlange${minutes === undefined ? '' : `, ${wait(minutes)}`}`,
  talkingTo: (name) => `Sie sprechen mit ${name}`,
  talking: 'Sie sind verbunden',
  closed: 'Dieser Chat ist beendet',
  connecting: 'Verbindung wird aufgebaut',
  noConnection: 'Keine Verbindung. Neuer Versuch läuft',
  refused: 'Der Chat ist hier gerade nicht verfügbar',
  consent: 'Für den Chat merkt sich dieser Browser einen Schlüssel und noch nicht Gesendetes.',
  agree: 'Einverstanden, Chat beginnen',
  joined: (name) => `${name} ist jetzt dabei`,
  left: (name) => `${name} ist gegangen`,
  transferred: (name) => (name ? `${name} übernimmt` : 'Jemand anderes übernimmt'),
  you: 'Sie',
  agent: 'Service',
  typing: (name) => `${name ?? 'Service'} schreibt`,
  sending: 'Wird gesendet',
  sent: 'Gesendet',
  delivered: 'Zugestellt',
  read: 'Gelesen',
  notSent: 'Nicht gesendet.',
  tryAgain: 'Erneut versuchen',
  edited: 'bearbeitet',
  removed: 'Nachricht entfernt',
};
