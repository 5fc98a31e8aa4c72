// SPDX-License-Identifier: GPL-3.0-or-later
// Flamenco job type: bake the racked frames of a .blend on a farm, then make the .blend read them.
// Put this file into the manager's "scripts" folder. Workers need Blender 5.2 with the Rack Focus extension enabled.

const JOB_TYPE = {
    label: "Rack Focus Bake",
    description: "Write the frames of Rack Focus strips to disk, and make the .blend read them",
    settings: [
        { key: "frames", type: "string", required: true,
          eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'",
          evalInfo: { showLinkButton: true, description: "Scene frame range" },
          description: "Frames of the timeline to bake. Examples: '47', '1-30', '3, 5-10, 47-327'" },
        { key: "chunk_size", type: "int32", default: 25, visible: "submission",
          description: "Frames in one task" },
        { key: "strip", type: "string", default: "", visible: "submission",
          description: "Name of the strip to bake; empty for all with a Rack Focus modifier" },
        { key: "threads", type: "int32", default: 0, visible: "submission",
          description: "Processor threads of a task; 0 for all" },
        { key: "link", type: "bool", default: true, visible: "submission",
          description: "At the end, save a copy of the .blend (name_baked.blend) whose strips read the baked frames" },

        // Filled in by the add-on when the job is submitted.
        { key: "blendfile", type: "string", required: true, visible: "web",
          description: "Path of the .blend" },
        { key: "scene", type: "string", required: true, eval: "C.scene.name", visible: "web",
          description: "Name of the scene" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const bakes = frameChunker(settings.frames, settings.chunk_size).map((chunk) => bakeTask(settings, chunk));
    for (const task of bakes) {
        job.addTask(task);
    }
    if (settings.link) {
        const linking = linkTask(settings);
        for (const task of bakes) {
            linking.addDependency(task);
        }
        job.addTask(linking);
    }
}

// Any number of these run at the same time into one folder. One that was killed is simply run again: it does what is
// missing. The exit status is 0 when every frame of the chunk is there.
function bakeTask(settings, chunk) {
    const task = author.Task(`bake-${chunk}`, "blender");
    let args = bakeArguments(settings).concat(["--frames", chunk, "--json"]);
    if (settings.threads > 0) {
        args = args.concat(["--threads", `${settings.threads}`]);
    }
    task.addCommand(author.Command("exec", { exe: "{blender}", args: args }));
    return task;
}

// Refuses where a frame is missing or no longer right, so the job fails rather than hand over a wrong file.
function linkTask(settings) {
    const task = author.Task("link", "blender");
    const copy = settings.blendfile.replace(/\.blend$/, "") + "_baked.blend";
    const args = bakeArguments(settings).concat(["--frames", settings.frames, "--link", "--save", copy]);
    task.addCommand(author.Command("exec", { exe: "{blender}", args: args }));
    return task;
}

function bakeArguments(settings) {
    let args = ["--command", "rackfocus", "bake", settings.blendfile, "--scene", settings.scene];
    if (settings.strip) {
        args = args.concat(["--strip", settings.strip]);
    }
    return args;
}
