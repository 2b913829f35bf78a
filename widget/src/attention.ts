// Draws the attention of a customer who is looking elsewhere to a new message: the tab's title, a
// sound, and a notification if permission was granted.
//
// Invariants: of several tabs only one announces a message, and only once; a message that is being
// looked at is not announced; the page's own title is restored once the customer is back.

import { isFromOtherSide, type LogEntry, latest, type State, unread } from './state/state';
import type { Store } from './store';

export interface Attention {
  notice(before: State, after: State): void;
  /** Whether permission to notify can still be requested, or has been granted. */
  mayAsk(): boolean;
  isGranted(): boolean;
  ask(): Promise<boolean>;
  stop(): void;
}

/** Another tab may be showing the message; it reports what has been read within this time. */
const PATIENCE_MS = 400;
const SHOWN_CHARS = 120;

export function createAttention(tenant: string, store: Store): Attention {
  let current: State | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let audio: AudioContext | undefined;
  /** The prefix we put before the page's own title. */
  let counted = '';

  function notice(before: State, after: State): void {
    current = after;
    showCount();
    if (unread(after) <= unread(before) || !newest(after) || isLookedAt(after)) return;
    clearTimeout(timer);
    timer = setTimeout(announce, PATIENCE_MS);
  }

  function showCount(): void {
    const count = current && isHidden() ? unread(current) : 0;
    const wanted = count ? `(${count}) ` : '';
    const isOurs = counted && document.title.startsWith(counted);
    if (wanted === counted && (isOurs || !counted)) return;
    document.title = wanted + (isOurs ? document.title.slice(counted.length) : document.title);
    counted = wanted;
  }

  function announce(): void {
    const state = current;
    const line = state && newest(state);
    if (!state || !line || isLookedAt(state)) return;
    const key = `${line.conversation}:${line.seq}`;
    const once = () => {
      if (store.preferences().heard === key) return;
      store.savePreferences({ heard: key });
      if (!state.muted) playSound();
      if (state.notify === 'on' && isHidden()) show(state, line);
    };
    const { locks } = navigator;
    if (locks) void locks.request(`couplet:${tenant}:speaks`, once);
    else once();
  }

  /** Two soft tones, the second lower. Generated here because a strict page forbids media files. */
  function playSound(): void {
    try {
      // Browsers refuse sound before the first interaction, and log a warning.
      if (navigator.userActivation && !navigator.userActivation.hasBeenActive) return;
      audio ??= new AudioContext();
      void audio.resume();
      for (const [at, pitch] of [
        [0, 660],
        [0.14, 495],
      ] as const) {
        const begin = audio.currentTime + at;
        const tone = audio.createOscillator();
        const volume = audio.createGain();
        tone.frequency.value = pitch;
        volume.gain.setValueAtTime(0.08, begin);
        volume.gain.exponentialRampToValueAtTime(0.0001, begin + 0.3);
        tone.connect(volume).connect(audio.destination);
        tone.start(begin);
        tone.stop(begin + 0.3);
      }
    } catch {
      // No sound then.
    }
  }

  function show({ config }: State, { text = '', from, files }: LogEntry): void {
    try {
      const body = [...(text || (files?.[0]?.name ?? ''))].slice(0, SHOWN_CHARS).join('');
      const note = new Notification(from.name ?? config.name ?? '', { body, tag: `couplet:${tenant}` });
      note.onclick = () => {
        window.focus();
        note.close();
      };
    } catch {
      // Mobile browsers require a service worker, which is up to the page.
    }
  }

  document.addEventListener('visibilitychange', showCount);

  return {
    notice,
    mayAsk: () => permission() === 'default' || permission() === 'granted',
    isGranted: () => permission() === 'granted',
    async ask() {
      return permission() === 'granted' || (await Notification.requestPermission()) === 'granted';
    },
    stop() {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', showCount);
      current = undefined;
      showCount();
      void audio?.close();
    },
  };
}

const permission = () => ('Notification' in window ? Notification.permission : 'denied');

const isHidden = () => document.visibilityState === 'hidden';

const isLookedAt = ({ open }: State) => open && !isHidden();

/** The last message from the other side that is unread and has not been shown. */
function newest(state: State): LogEntry | undefined {
  const conversation = latest(state);
  const fresh = conversation?.entries.filter(
    (line) => line.seq > Math.max(conversation.read, conversation.known) && isFromOtherSide(line),
  );
  return fresh?.[fresh.length - 1];
}
