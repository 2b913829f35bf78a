// Uploads files to the gateway: one request each, with progress, which can be cancelled and
// retried. They belong to no message yet; the message that takes them refers to their ids.
//
// Invariants: a file that is too large for the gateway is not sent, while types are for the gateway
// to judge; a failed file shows why and stays until the customer removes it.

import { type FileLink, newId } from './wire';

export interface Upload {
  id: string;
  file: File;
  /** From 0 to 1. */
  progress: number;
  /** The gateway's link; set once the file is uploaded. */
  link?: FileLink;
  failed?: 'large' | 'type' | 'network';
}

export interface UploadPort {
  /** Where files are sent, and with which session; without a session uploads wait for one. */
  url: string;
  token(): string | undefined;
  limit(): number | undefined;
  changed(uploads: readonly Upload[]): void;
  /** The gateway refused the session as too old; a new one is needed. */
  refused(): void;
}

export interface Uploads {
  add(files: Iterable<File>): void;
  retry(id: string): void;
  /** Removes a file, and cancels it if it is still uploading. */
  remove(id: string): void;
  /** Starts the uploads that were waiting for a session. */
  resume(): void;
  /** Returns all uploaded files, to be sent with a message. */
  take(): FileLink[];
  stop(): void;
}

/** The gateway may refuse more than this at a time. */
const AT_A_TIME = 2;
const TOO_LARGE = 413;
const WRONG_TYPE = 415;
const NO_SESSION = 401;

export function createUploads(port: UploadPort): Uploads {
  let uploads: readonly Upload[] = [];
  const requests = new Map<string, XMLHttpRequest>();

  function set(next: readonly Upload[]): void {
    uploads = next;
    port.changed(uploads);
  }

  function change(id: string, more: Partial<Upload>): void {
    if (uploads.some((upload) => upload.id === id)) {
      set(uploads.map((upload) => (upload.id === id ? { ...upload, ...more } : upload)));
    }
  }

  function resume(): void {
    const token = port.token();
    if (!token) return;
    for (const upload of uploads) {
      if (requests.size >= AT_A_TIME) return;
      if (!upload.link && !upload.failed && !requests.has(upload.id)) send(upload, token);
    }
  }

  function send({ id, file }: Upload, token: string): void {
    const request = new XMLHttpRequest();
    requests.set(id, request);
    const body = new FormData();
    body.append('file', file, file.name);
    request.open('POST', port.url);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total }) => change(id, { progress: total ? loaded / total : 0 });
    request.onloadend = () => {
      // A cancelled request is no longer in the map.
      if (!requests.delete(id)) return;
      const link = request.status < 300 ? parsed(request.responseText, file) : undefined;
      change(id, link ? { progress: 1, link } : { progress: 0, failed: reason(request.status) });
      if (!link && request.status === NO_SESSION) port.refused();
      resume();
    };
    request.send(body);
  }

  function drop(id: string): void {
    const request = requests.get(id);
    requests.delete(id);
    request?.abort();
  }

  return {
    add(files) {
      const added = [...files].map((file) => ({
        id: newId(),
        file,
        progress: 0,
        failed: refusal(file, port),
      }));
      set([...uploads, ...added]);
      resume();
    },
    retry(id) {
      change(id, { failed: undefined, progress: 0 });
      resume();
    },
    remove(id) {
      drop(id);
      set(uploads.filter((upload) => upload.id !== id));
      resume();
    },
    resume,
    take() {
      const links = uploads.flatMap(({ link }) => link ?? []);
      set(uploads.filter(({ link }) => !link));
      return links;
    },
    stop() {
      for (const { id } of uploads) drop(id);
    },
  };
}

/**
 * Only the size is checked here. The type of the same file differs between browsers and systems (a
 * CSV is `application/vnd.ms-excel` where Excel is installed), and the gateway looks at its
 * content.
 */
function refusal(file: File, port: UploadPort): Upload['failed'] {
  const limit = port.limit();
  return limit && file.size > limit ? 'large' : undefined;
}

function reason(status: number): Upload['failed'] {
  if (status === TOO_LARGE) return 'large';
  return status === WRONG_TYPE ? 'type' : 'network';
}

function parsed(text: string, { name, type, size }: File): FileLink | undefined {
  try {
    const link: Partial<FileLink> & { id: string } = JSON.parse(text);
    return link.id ? { name, type, size, ...link } : undefined;
  } catch {
    return undefined;
  }
}
