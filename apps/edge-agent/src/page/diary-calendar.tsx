// A month of the diary: each day with the emotion that most of its entries have.

import type { Calendar } from "@attune/shared/contracts/local-api";
import { useState } from "preact/hooks";
import { EmotionMark } from "./emotion-mark.js";
import type { Labels } from "./labels.js";
import { daysOfMonth, monthAfter } from "./month.js";
import { saidNow } from "./said-now.js";
import { texts } from "./texts.js";

const words = texts.diary;

interface DiaryCalendarProps {
  readonly calendar: Calendar;
  readonly labels: Labels;
  readonly chosen: string | undefined;
  onChoose(day: string | undefined): void;
}

export function DiaryCalendar({ calendar, labels, chosen, onChoose }: DiaryCalendarProps) {
  const [month, setMonth] = useState(() => (chosen ?? calendar.days.at(-1)?.day ?? saidNow()).slice(0, 7));
  const counts = new Map(calendar.days.map((day) => [day.day, day]));
  const { blanks, days } = daysOfMonth(month);
  return (
    <section class="calendar" aria-label={words.month(month)}>
      <div class="month">
        <button type="button" aria-label={words.earlier} onClick={() => setMonth(monthAfter(month, -1))}>
          ‹
        </button>
        <h2>{words.month(month)}</h2>
        <button type="button" aria-label={words.later} onClick={() => setMonth(monthAfter(month, 1))}>
          ›
        </button>
      </div>
      <div class="days">
        {words.weekdays.map((name) => (
          <span key={name} class="weekday" aria-hidden="true">
            {name}
          </span>
        ))}
        {Array.from({ length: blanks }, (_, i) => (
          <span key={`blank-${i}`} />
        ))}
        {days.map((day) => {
          const count = counts.get(day);
          const name = Number(day.slice(8));
          if (count === undefined) {
            return (
              <span key={day} class="day">
                {name}
              </span>
            );
          }
          const most = mostOf(count.labels);
          const label = words.dayButton(day, count.entries, most === undefined ? undefined : labels.wordOf(most));
          return (
            <button
              key={day}
              type="button"
              class="day"
              aria-label={label}
              aria-pressed={chosen === day}
              onClick={() => onChoose(chosen === day ? undefined : day)}
            >
              {name}
              {most === undefined ? <span class="dot" /> : <EmotionMark index={labels.indexOf(most)} />}
            </button>
          );
        })}
      </div>
      {chosen === undefined ? null : (
        <button type="button" class="quiet" onClick={() => onChoose(undefined)}>
          {words.allDays}
        </button>
      )}
    </section>
  );
}

function mostOf(counts: Readonly<Record<string, number>>): string | undefined {
  return Object.entries(counts).sort(([, a], [, b]) => b - a)[0]?.[0];
}
