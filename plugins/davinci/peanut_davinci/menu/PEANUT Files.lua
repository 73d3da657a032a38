-- The way by files, for editions that run Lua and no Python: the timeline out, a result in.
-- Exports the open timeline as .otio beside the project's media and says what to type; where a
-- result lies there already (NAME.peanut.otio), imports it as a new timeline.

local function say(text)
  print("PEANUT: " .. text)
end

local function call(object, name, ...)
  if object == nil or object[name] == nil then
    return nil
  end
  local done, answer = pcall(object[name], object, ...)
  if done then
    return answer
  end
  return nil
end

local function exists(path)
  local file = io.open(path, "rb")
  if file == nil then
    return false
  end
  file:close()
  return true
end

local function folder_of_first_clip(timeline)
  for track = 1, call(timeline, "GetTrackCount", "video") or 0 do
    for _, item in pairs(call(timeline, "GetItemListInTrack", "video", track) or {}) do
      local clip = call(item, "GetMediaPoolItem")
      local path = call(clip, "GetClipProperty", "File Path")
      if type(path) == "string" and path ~= "" then
        return path:match("^(.*)[/\\][^/\\]*$")
      end
    end
  end
  return nil
end

local function main(app)
  if app == nil then
    say("no DaVinci Resolve answers: start this from Workspace > Scripts")
    return
  end
  local project = call(call(app, "GetProjectManager"), "GetCurrentProject")
  local timeline = call(project, "GetCurrentTimeline")
  if timeline == nil then
    say("open a timeline first")
    return
  end
  local name = tostring(call(timeline, "GetName")):gsub("[^%w_.-]", "_")
  local folder = folder_of_first_clip(timeline)
  if folder == nil then
    say("no clip with a file is in this timeline")
    return
  end
  local out, result = folder .. "/" .. name .. ".otio", folder .. "/" .. name .. ".peanut.otio"
  if exists(result) then
    local options = { timelineName = name .. " PEANUT", importSourceClips = true, sourceClipsPath = folder }
    local new = call(call(project, "GetMediaPool"), "ImportTimelineFromFile", result, options)
    if new ~= nil then
      say("imported " .. result .. " as timeline " .. tostring(call(new, "GetName")))
    else
      say("Resolve does not import " .. result .. "; a timeline of that name may exist: rename it")
    end
    return
  end
  call(timeline, "Export", out, app.EXPORT_OTIO, app.EXPORT_NONE)
  if not exists(out) then
    say("Resolve wrote no " .. out .. ": use File > Export > Timeline, OTIO")
    return
  end
  say("wrote " .. out .. ". Now, in a terminal:")
  print('  peanut timeline inspect "' .. out .. '"')
  print('  peanut timeline extract "' .. out .. '" --item TRACK/ITEM -o request.otio')
  print("  peanut remove request.otio --point X,Y -o clean.mov")
  print('  peanut timeline apply "' .. out .. '" clean.otio -o "' .. result .. '"')
  say("then start this script again: it imports the result")
end

main(resolve or app or (bmd and bmd.scriptapp and bmd.scriptapp("Resolve")))
