// Knows from the events alone whether the picture runs, and which part stopped where it does not.

// With the page's own rhythm of checking, a second at most passes before the picture greys out.
const SILENT_MS = 850;
const STALE_MS = 850;

export class Watch {
  constructor(now) {
    this.heardAt = now;
    this.pictureAt = now;
    this.picture = 0;
    this.live = null;
    this.ageMs = null;
    this.ageAt = now;
    this.doing = 'camera';
    this.broken = false;
    this.refused = false;
    this.stuck = null;
    this.capture = null;
  }

  values(live, now) {
    this.alive(now);
    this.stuck = live.stuck;
    this.capture = live.capture;
    if (live.picture !== this.picture) {
      this.picture = live.picture;
      this.pictureAt = now;
    }
    this.live = live;
    this.age(live.age_ms, now);
  }

  pulse(pulse, now) {
    this.alive(now);
    this.stuck = pulse.stuck;
    this.capture = pulse.capture;
    this.doing = pulse.doing;
    this.age(pulse.age_ms, now);
  }

  alive(now) {
    this.heardAt = now;
    this.broken = false;
    this.refused = false;
  }

  age(ageMs, now) {
    this.ageMs = ageMs;
    this.ageAt = now;
  }

  ageNow(now) {
    return this.ageMs === null ? null : this.ageMs + now - this.ageAt;
  }

  intervalMs() {
    return this.live && this.live.rate_hz ? 1000 / this.live.rate_hz : 0;
  }

  // A picture that is late by its own pace: a slow camera or a slow model is slow, not stopped.
  overdue(now) {
    return now - this.pictureAt > Math.max(STALE_MS, 3 * this.intervalMs());
  }

  // Older than one frame, so that its age belongs on the screen.
  late(now) {
    const interval = this.intervalMs();
    const latency = this.live && this.live.latency_ms ? this.live.latency_ms : 0;
    return interval > 0 && (latency > interval || now - this.pictureAt > Math.max(300, 2 * interval));
  }

  heard(now) {
    return !this.broken && now - this.heardAt <= SILENT_MS;
  }

  trouble(now) {
    if (this.refused) {
      return {
        code: 'viewers-full',
        sentence: 'This picture is being watched by as many pages as the device allows.',
        step: 'Close one of them.',
      };
    }
    if (!this.heard(now)) {
      return {
        code: 'service-silent',
        sentence: 'The service does not answer.',
        step: 'It comes back by itself. If it does not within a minute, restart the device.',
      };
    }
    if (this.stuck) {
      return { code: this.stuck.code, sentence: this.stuck.sentence, step: this.stuck.next_step };
    }
    if (this.live && !this.live.status.running) {
      const status = this.live.status;
      const starting = status.code === 'camera-starting';
      return { code: status.code, sentence: status.sentence, step: status.next_step, icon: starting ? 'wait' : '' };
    }
    if (this.live && this.overdue(now) && this.capture.notice) {
      const { code, sentence } = this.capture.notice;
      return { code, sentence, step: 'The picture comes back by itself.', icon: 'wait' };
    }
    if (this.live && this.overdue(now)) {
      return this.doing === 'camera'
        ? { code: 'camera-waiting', sentence: 'The camera sends no picture.', step: 'Wait a moment; it may be calibrating.' }
        : { code: 'analysis-waiting', sentence: 'The analysis takes longer than usual.', step: 'Wait a moment.' };
    }
    return null;
  }
}
