"""``rocketvpn demo``: the product's main job from beginning to end, with real parts, and a proof of what came of it."""
