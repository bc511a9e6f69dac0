// The frame of all screens: the way from screen to screen, and the place where changes are announced.

import { useEffect, useRef, useState } from "preact/hooks";
import { DeviceScreen } from "./device-screen.js";
import { DiaryScreen } from "./diary-screen.js";
import { Failure } from "./failure.js";
import { labelsOf } from "./labels.js";
import { LearnedScreen } from "./learned-screen.js";
import { LeftScreen } from "./left-screen.js";
import type { PageAgent } from "./page-agent.js";
import { PageContext } from "./page-context.js";
import { texts } from "./texts.js";
import { useLoaded } from "./use-loaded.js";
import { WriteScreen } from "./write-screen.js";

const screens = {
  write: WriteScreen,
  diary: DiaryScreen,
  learned: LearnedScreen,
  left: LeftScreen,
  device: DeviceScreen,
} as const;
type ScreenName = keyof typeof screens;
const names = Object.keys(screens) as ScreenName[];

export function Shell({ agent }: { readonly agent: PageAgent }) {
  const [screen, setScreen] = useState(screenInAddress);
  const [message, announce] = useState("");
  const status = useLoaded(() => agent.status(), [agent, screen]);
  const heading = useRef<HTMLElement>(null);
  useEffect(() => {
    const follow = () => {
      setScreen(screenInAddress());
      announce("");
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    document.title = `${texts.screens[screen]} · ${texts.name}`;
    if (location.hash !== "") heading.current?.focus();
  }, [screen]);
  const Screen = screens[screen];
  return (
    <PageContext.Provider value={{ agent, status, labels: labelsOf(status.value ?? { release: null }), announce }}>
      <main id="main" ref={heading} tabIndex={-1}>
        {status.error === undefined ? <Screen key={screen} /> : <Failure error={status.error} again={status.reload} />}
      </main>
      <div class="announced" role="status">
        {message}
      </div>
      <nav aria-label={texts.navigation}>
        {names.map((name) => (
          <a key={name} href={`#/${name}`} aria-current={name === screen ? "page" : undefined}>
            {texts.screens[name]}
          </a>
        ))}
      </nav>
    </PageContext.Provider>
  );
}

function screenInAddress(): ScreenName {
  return names.find((name) => location.hash === `#/${name}`) ?? "write";
}
